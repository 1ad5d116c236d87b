"""The original app's server, as anyone would write it with FastAPI: what a sender sends goes to each
receiver in turn, each send awaited. It knows of no slow receiver, of none that leaves, and of no
second sender. Run with a port as its argument; it listens on 127.0.0.1 only.
"""

import sys

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
receivers: list[WebSocket] = []


@app.websocket("/receiver")
async def receiver(websocket: WebSocket):
    await websocket.accept()
    receivers.append(websocket)
    try:
        while True:
            await websocket.receive_text()  # sent to keep the line alive
    except WebSocketDisconnect:
        receivers.remove(websocket)


@app.websocket("/sender")
async def sender(websocket: WebSocket):
    await websocket.accept()
    try:
        name = await websocket.receive_text()
        for each in receivers:
            await each.send_text(f"START:{name}")
        while (chunk := await websocket.receive_bytes()) != b"__end__":
            for each in receivers:
                await each.send_bytes(chunk)
        for each in receivers:
            await each.send_text("END")
        await websocket.send_text("File transfer successful")
    except WebSocketDisconnect:
        pass


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
