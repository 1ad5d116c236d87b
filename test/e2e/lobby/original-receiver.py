"""The original app's receiver: saves file after file as rcv_<name>, and comes back every 5 seconds.
Ends after as many files as its third argument says; prints a line for each thing that happens.
"""

import asyncio
import os
import sys

import websockets


async def receive(url, folder, count):
    async with websockets.connect(url, max_size=None, ping_interval=None) as websocket:
        print("connected", flush=True)
        file = None
        async for message in websocket:
            if isinstance(message, bytes):
                file.write(message)
            elif message.startswith("START:"):
                file = open(os.path.join(folder, "rcv_" + message[6:]), "wb")
            elif message == "END":
                file.close()
                print("saved", flush=True)
                count -= 1
                if count == 0:
                    return True
    return False


async def main(url, folder, count):
    while True:
        try:
            if await receive(url, folder, int(count)):
                return
        except (OSError, websockets.ConnectionClosed):
            pass
        print("lost", flush=True)
        await asyncio.sleep(5)


asyncio.run(main(*sys.argv[1:]))
