"""Calls the gateway with the official Python client, as its users would, and prints what came as one JSON object.

Arguments: base URL, token of a user with credit, token of a user without.
"""

import json
import sys

from openai import APIStatusError, AuthenticationError, OpenAI

base_url, token, poor_token = sys.argv[1:4]
messages = [{"role": "user", "content": "hello"}]
weather = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
client = OpenAI(api_key=token, base_url=base_url)
told = {}

answer = client.chat.completions.create(model="stub-text", messages=messages)
told["whole"] = {
    "text": answer.choices[0].message.content,
    "total_tokens": answer.usage.total_tokens,
    "charge_usd": answer.model_extra["modelfaucet"]["charge_usd"],
}

stream = client.chat.completions.create(
    model="stub-text", messages=messages, stream=True, stream_options={"include_usage": True}
)
chunks = list(stream)
told["streamed"] = {
    "text": "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
    "with_usage": [index - len(chunks) for index, chunk in enumerate(chunks) if chunk.usage],
    "charge_usd": chunks[-1].model_extra["modelfaucet"]["charge_usd"],
}

with client.chat.completions.stream(model="stub-claude", messages=messages, tools=[weather]) as events:
    for _ in events:
        pass
    final = events.get_final_completion()
told["tools"] = [
    {"name": call.function.name, "arguments": call.function.arguments} for call in final.choices[0].message.tool_calls
]

told["models"] = [model.id for model in client.models.list()]

try:
    OpenAI(api_key=poor_token, base_url=base_url).chat.completions.create(model="stub-text", messages=messages)
except APIStatusError as error:
    told["poor"] = {"status": error.status_code, "code": error.code, "type": error.type}

try:
    OpenAI(api_key="mf_sess_nobody", base_url=base_url).models.list()
except AuthenticationError as error:
    told["stranger"] = {"status": error.status_code, "code": error.code}

print(json.dumps(told))
