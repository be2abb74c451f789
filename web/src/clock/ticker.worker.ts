// Browsers slow the timers of a hidden page down to one a minute; a worker's timers keep their pace.
setInterval(() => postMessage(null), 250);
