/**
 * The streaming worker of the page: one worker for each transfer. The first message is the job,
 * and all messages after it are commands for that job.
 */
import type { LobbyCommand, LobbyEvent, LobbyJob } from "../job/lobby-messages.ts";
import type { ReceiveCommand, ReceiveEvent, ReceiveJob } from "../job/receive-messages.ts";
import type { SendCommand, SendEvent, SendJob } from "../job/send-messages.ts";
import type { StoreEvent, StoreJob } from "../job/store-messages.ts";
import { LobbyList } from "./lobby-list.ts";
import { Receiving } from "./receiving.ts";
import { Sending } from "./sending.ts";
import { StoreQuestion } from "./store-question.ts";

type Job = ReceiveJob | SendJob | LobbyJob | StoreJob;
type Command = ReceiveCommand | SendCommand | LobbyCommand | StoreJob;
type Event = ReceiveEvent | SendEvent | LobbyEvent | StoreEvent;

interface WorkerScope {
  addEventListener(type: "message", listener: (event: MessageEvent<Command>) => void): void;
  postMessage(message: Event, transfer?: Transferable[]): void;
}

const scope = globalThis as unknown as WorkerScope;

const post = (event: Event, transfer: Transferable[] = []): void => {
  scope.postMessage(event, transfer);
};

let command: ((command: Command) => void) | undefined;

scope.addEventListener("message", ({ data }) => {
  if (command === undefined) command = begin(data as Job);
  else command(data);
});

function begin(job: Job): (command: Command) => void {
  switch (job.t) {
    case "receive": {
      const receiving = new Receiving(job, post);
      return (each) => receiving.command(each as ReceiveCommand);
    }
    case "send": {
      const sending = new Sending(job, post);
      return (each) => sending.command(each as SendCommand);
    }
    case "lobby-list": {
      const list = new LobbyList(job, post);
      return (each) => list.command(each as LobbyCommand);
    }
    case "store": {
      const _question = new StoreQuestion(job, post);
      return () => undefined;
    }
  }
}
