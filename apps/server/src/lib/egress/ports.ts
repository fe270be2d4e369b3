/**
 * True for ports at which no API of models answers but something else does: mail, shells, databases, caches, queues, and the
 * APIs of containers and clusters. Below 1024 only 443 is one of ours.
 */
export function isForeignPort(port: number): boolean {
  return port < 1_024 ? port !== 443 : foreignPorts.has(port);
}

// Source: the Fetch Standard's list of bad ports, the IANA port registry, and the defaults that the projects document,
// 2026-11-25.
const foreignPorts = new Set(
  `1080 1099 1433 1434 1521 1719 1720 1723 1883 2049 2181 2222 2375 2376 2377 2379 2380 2483 2484 3128 3260 3268 3269 3306
  3389 3659 4045 4190 4222 4369 4444 4505 4506 4646 4647 4648 5060 5061 5222 5269 5432 5433 5555 5671 5672 5900 5901 5902
  5984 5985 5986 6000 6066 6379 6380 6432 6443 6566 6660 6665 6666 6667 6668 6669 6679 6697 6984 7000 7001 7077 7199 7473
  7474 7687 8125 8300 8301 8302 8500 8501 8600 8883 9042 9092 9094 9100 9160 9200 9300 9418 10080 10248 10249 10250
  10255 10256 10257 10259 11211 11214 11215 15672 16379 16443 25672 26257 26379 27017 27018 27019 28015 28017 29015 33060
  50000 61613 61614 61616`
    .trim()
    .split(/\s+/)
    .map(Number),
);
