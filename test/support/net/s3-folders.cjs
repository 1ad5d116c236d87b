/**
 * Preload of s3rver: real stores have no folders and write an object whole or not at all. s3rver removes a folder with its
 * last object, and ends if another object is just written there; a reader may see an object that is half written.
 */
"use strict";

const { createHash, randomUUID } = require("node:crypto");
const { mkdir, rename, rm, writeFile } = require("node:fs/promises");
const { dirname } = require("node:path");
const { buffer } = require("node:stream/consumers");
const store = require("s3rver/lib/stores/filesystem").prototype;

store.putObject = async function ({ bucket, key, content, metadata }) {
  const bytes = Buffer.isBuffer(content) ? content : await buffer(content);
  const md5 = createHash("md5").update(bytes).digest("hex");
  const path = this.getResourcePath(bucket, key, "object");
  await mkdir(dirname(path), { recursive: true });
  const unfinished = `${path}.${randomUUID()}`;
  await writeFile(unfinished, bytes);
  await this.putMetadata(bucket, key, metadata, md5);
  await rename(unfinished, path);
  return { size: bytes.length, md5 };
};

store.deleteObject = async function (bucket, key) {
  const names = ["object", "object.md5", "metadata.json"];
  const paths = names.map((name) => this.getResourcePath(bucket, key, name));
  await Promise.all(paths.map((path) => rm(path, { force: true })));
};
