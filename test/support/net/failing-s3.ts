/** S3 for the tests of one file: a server in a process of its own, behind a proxy that each test finds without a fault. */
import { afterAll, afterEach, beforeAll } from "bun:test";

import type { S3Place } from "../../../relay/store/s3-bucket.ts";
import { startS3Proxy, type S3Proxy } from "./s3-faults.ts";
import { startS3, type S3Server } from "./s3-server.ts";

export interface FailingS3 {
  readonly server: S3Server;
  readonly proxy: S3Proxy;
  /** A part of the bucket for one test alone, behind the proxy. */
  newPlace(): S3Place;
}

/** Called at the top of a test file; there from its first test on. */
export function failingS3(): FailingS3 {
  let server: S3Server;
  let proxy: S3Proxy;
  let places = 0;
  beforeAll(async () => {
    server = await startS3();
    proxy = await startS3Proxy(server.url);
  });
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });
  afterEach(() => {
    proxy.fault = () => undefined;
    proxy.change = () => undefined;
    proxy.seen.length = 0;
  });
  return {
    get server() {
      return server;
    },
    get proxy() {
      return proxy;
    },
    newPlace: () => server.place(`test${++places}/`, proxy.url),
  };
}
