"""A real Chromium without a screen, told what to do through a pipe (Chrome DevTools Protocol).

Over ``--remote-debugging-pipe`` there is no port that others could use, and nothing to install
besides the browser. Messages are JSON, each ended by a zero byte.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

Json = dict[str, Any]

LIMIT = 40.0  # seconds any answer may take
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--disable-breakpad", "--disable-extensions", "--hide-scrollbars",
    "--disable-features=Translate,OptimizationHints", "--remote-debugging-pipe",
)  # fmt: skip

# The pipe is on 3 and 4, whatever numbers it has here.
LAUNCH = "import os,sys; os.dup2(int(sys.argv[1]),3); os.dup2(int(sys.argv[2]),4); "
LAUNCH += "os.execv(sys.argv[3], sys.argv[3:])"

# Looks again whenever the page changes, until what is asked for is so.
UNTIL = """new Promise((done) => {
  const look = () => { const found = (%s); if (found) { watch.disconnect(); done(found); } };
  const watch = new MutationObserver(look);
  watch.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
  look();
})"""

# The one control with that name, as a person reads it.
CONTROLS = "a, button, input, select, textarea, summary"
NAMED = f"""[...document.querySelectorAll("{CONTROLS}")].find((one) =>
  one.checkVisibility() && [one.getAttribute("aria-label"), one.textContent.trim(),
  ...[...(one.labels ?? [])].map((label) => label.textContent.trim())].includes(%s))"""

INTERACTIVE = {
    "button", "link", "textbox", "searchbox", "checkbox", "switch", "combobox", "listbox", "tab",
    "radio", "slider", "spinbutton", "menuitem", "DisclosureTriangle", "log",
}  # fmt: skip


def chromium() -> str | None:
    return shutil.which("chromium")


class PageError(AssertionError):
    """The page threw an error, or what was waited for did not come."""


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    async def do(self, method: str, **params: object) -> Json:
        return await self._browser.ask(method, params, self._session)

    async def eval(self, script: str) -> Any:
        """What an expression, or the promise it gives, comes to."""
        answer = await self.do(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise PageError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    async def go(self, url: str) -> None:
        """Open an address; waits until the page has been loaded."""
        loaded = self._browser.event("Page.loadEventFired", self._session)
        await self.do("Page.navigate", url=url)
        await asyncio.wait_for(loaded, LIMIT)

    async def turn_to(self, hash_: str) -> None:
        """Go to another part of the page, and wait until it has been told so."""
        there = json.dumps(hash_)
        await self.eval(
            f"location.hash === {there} || new Promise((done) => {{"
            f"addEventListener('hashchange', done, {{once: true}}); location.hash = {there}; }})"
            ".then(() => 0)"
        )

    async def until(self, expression: str) -> Any:
        """The first truthy value of an expression about the page."""
        try:
            return await self.eval(UNTIL % expression)
        except TimeoutError:
            shown = await self.eval("document.body.innerText")
            raise PageError(f"not so: {expression}\nThe page says:\n{shown}") from None

    async def reads(self, words: str) -> None:
        """Wait until the page shows the words."""
        await self.until(f"document.body.innerText.includes({json.dumps(words)})")

    async def text(self) -> str:
        found: str = await self.eval("document.body.innerText")
        return found

    async def click(self, name: str) -> None:
        """Click the control with that name once it is there."""
        await self.until(f"Boolean({NAMED % json.dumps(name)})")
        await self.eval(f"{NAMED % json.dumps(name)}.focus()")
        await self.eval(f"{NAMED % json.dumps(name)}.click()")

    async def type(self, name: str, words: str) -> None:
        """Put words into the field with that name, as typing does."""
        await self.until(f"Boolean({NAMED % json.dumps(name)})")
        await self.eval(f"{NAMED % json.dumps(name)}.focus()")
        await self.eval("document.activeElement.select?.()")
        await self.do("Input.insertText", text=words)

    async def press(self, key: str, code: int) -> None:
        """Press and let go a key, by its name and its number on Windows."""
        for kind in ("keyDown", "keyUp"):
            await self.do(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                text="\r" if key == "Enter" and kind == "keyDown" else "",
            )  # fmt: skip

    async def nameless(self) -> list[str]:
        """Roles of the interactive elements that a screen reader could not name."""
        tree = await self.do("Accessibility.getFullAXTree")
        return [
            node["role"]["value"]
            for node in tree["nodes"]
            if not node.get("ignored")
            and node.get("role", {}).get("value") in INTERACTIVE
            and not node.get("name", {}).get("value", "").strip()
        ]

    async def hide(self, hidden: bool) -> None:
        """What a page is told when another tab is looked at, or this one again."""
        told = f"Object.defineProperty(document, 'hidden', {{value: {json.dumps(hidden)}, "
        told += "configurable: true}); document.dispatchEvent(new Event('visibilitychange'))"
        await self.eval(told)

    async def emulate(self, width: int, scheme: str = "light", text_scale: float = 1) -> None:
        """How wide the window is, which colours the desktop wants, how large its text is."""
        await self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        wanted = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.do("Emulation.setEmulatedMedia", features=wanted)
        # What a person's setting of the text size does to the root's 100 %.
        script = f"document.documentElement.style.fontSize = '{100 * text_scale:g}%'"
        await self.eval(script)

    async def picture(self, file: Path) -> None:
        """The whole page as a PNG file."""
        shot = await self.do("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))


class Browser:
    """Answers are matched to questions by number; ``errors`` are what pages complained about."""

    def __init__(self, reader: asyncio.StreamReader, write: int) -> None:
        self._reader = reader
        self._write = write
        self._number = 0
        self._asked: dict[int, asyncio.Future[Json]] = {}
        self._events: list[tuple[str, str, asyncio.Future[Json]]] = []
        self.errors: list[str] = []
        self.requests: list[str] = []

    async def ask(self, method: str, params: Json | None = None, session: str = "") -> Json:
        self._number += 1
        answer = self._asked[self._number] = asyncio.get_running_loop().create_future()
        message: Json = {"id": self._number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        return await asyncio.wait_for(answer, LIMIT)

    def event(self, method: str, session: str) -> asyncio.Future[Json]:
        waiting: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._events.append((method, session, waiting))
        return waiting

    async def page(self) -> Page:
        target = await self.ask("Target.createTarget", {"url": "about:blank"})
        attached = await self.ask(
            "Target.attachToTarget", {"targetId": target["targetId"], "flatten": True}
        )
        page = Page(self, attached["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.do(f"{domain}.enable")
        return page

    async def listen(self) -> None:
        """Take what the browser says until it ends."""
        while True:
            try:
                said = json.loads((await self._reader.readuntil(b"\0"))[:-1])
            except asyncio.IncompleteReadError:
                return
            if "id" in said:
                self._answered(said)
            else:
                self._happened(said["method"], said.get("params", {}), said.get("sessionId", ""))

    def _answered(self, said: Json) -> None:
        waiting = self._asked.pop(said["id"])
        if waiting.done():
            return
        if "error" in said:
            waiting.set_exception(PageError(str(said["error"])))
        else:
            waiting.set_result(said["result"])

    def _happened(self, method: str, params: Json, session: str) -> None:
        if method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params["exceptionDetails"])[:1000])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        for each in [one for one in self._events if one[:2] == (method, session)]:
            self._events.remove(each)
            if not each[2].done():
                each[2].set_result(params)


@asynccontextmanager
async def browsing(directory: Path) -> AsyncIterator[Browser]:
    """A browser with a profile of its own in the directory; ended with all it started."""
    program = chromium()
    assert program is not None
    loop = asyncio.get_running_loop()
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    argv = (program, *FLAGS, f"--user-data-dir={directory}/profile")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LAUNCH, str(theirs_in), str(theirs_out), *argv,
        env={"HOME": str(directory), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        pass_fds=(theirs_in, theirs_out),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs_in)
    os.close(theirs_out)
    reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours_in, "rb")
    )
    browser = Browser(reader, ours_out)
    listening = asyncio.create_task(browser.listen())
    try:
        yield browser
        await browser.ask("Browser.close")
        await asyncio.wait_for(process.wait(), LIMIT)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await listening
        transport.close()
        os.close(ours_out)
