const theme = localStorage.getItem("modelfaucet:theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
