"""The original app's sender: the name, 4 KiB at a time, `__end__`, and what it is told."""

import asyncio
import os
import sys

import websockets


async def main(url, path):
    async with websockets.connect(url, max_size=None, ping_interval=None) as websocket:
        await websocket.send(os.path.basename(path))
        with open(path, "rb") as file:
            while chunk := file.read(4096):
                await websocket.send(chunk)
        await websocket.send(b"__end__")
        print(await websocket.recv())


asyncio.run(main(*sys.argv[1:]))
