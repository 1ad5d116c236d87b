/** nginx, Caddy and HAProxy as tests start them: in front of one relay, each as it comes and as deploy/ has it. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

import { Authority } from "../../support/net/certificates.ts";
import { ownPorts } from "../../support/net/own-port.ts";
import { WAIT_MS } from "../../support/patience.ts";

export const PROXIES = ["nginx", "caddy", "haproxy"] as const;

export type ProxyName = (typeof PROXIES)[number];

/** ms that a proxy may take until it listens */

export interface RunningProxies extends AsyncDisposable {
  /** Configured with nothing but where the relay is; in clear. */
  readonly plain: Readonly<Record<ProxyName, string>>;
  /** Caddy like that, with TLS and so with HTTP/2. */
  readonly caddyTls: string;
  /** HAProxy like that, by HTTP/2 in clear, and it compresses what it may. */
  readonly compressing: string;
  /** nginx with its file of deploy/, below a path. */
  readonly below: string;
  /** With the files of deploy/, with TLS. */
  readonly sample: Readonly<Record<ProxyName, string>>;
  /** Of the certificates' authority. */
  readonly ca: string;
}

const sampleOf = (name: string): string => {
  return readFileSync(join(import.meta.dir, "../../../deploy", name), "utf8");
};

/** @throws Error if the sample does not say it */
function replaced(
  text: string,
  changes: readonly (readonly [from: string | RegExp, to: string])[],
): string {
  return changes.reduce((before, [from, to]) => {
    const after = before.replaceAll(from, to);
    if (after === before) throw new Error(`the sample does not say ${from.toString()}`);
    return after;
  }, text);
}

/** @param relayPort of a relay on 127.0.0.1 without TLS */
export async function startProxies(folder: string, relayPort: number): Promise<RunningProxies> {
  const [
    nginx = 0,
    caddy = 0,
    haproxy = 0,
    caddyTls = 0,
    nginxTls = 0,
    caddySample = 0,
    haproxyTls = 0,
    compressing = 0,
    nginxBelow = 0,
  ] = await ownPorts(9);
  const authority = new Authority();
  const { cert, key } = authority.issue({ names: ["localhost"] });
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const ca = file("ca.pem", authority.cert);
  const certFile = file("cert.pem", cert);
  const keyFile = file("key.pem", key);
  const both = file("both.pem", cert + key);
  const relay = `127.0.0.1:${relayPort}`;
  mkdirSync(join(folder, "tmp"));

  const nginxSample = replaced(sampleOf("nginx.conf"), [
    ["listen 443 ssl http2;", `listen 127.0.0.1:${nginxTls} ssl http2;`],
    ["    listen [::]:443 ssl http2;\n", ""],
    ["relay.example;", "localhost;"],
    ["/etc/fileshare/tls/fullchain.pem", certFile],
    ["/etc/fileshare/tls/privkey.pem", keyFile],
    ["127.0.0.1:8000;", `${relay};`],
  ]);
  // Only a server is in there twice: the map before it is one for all.
  const nginxServer = nginxSample.slice(nginxSample.indexOf("server {"));
  const nginxBelowPath = replaced(nginxServer, [
    [`127.0.0.1:${nginxTls} ssl`, `127.0.0.1:${nginxBelow} ssl`],
    ["location / {", "location /base/ {"],
    [`${relay};`, `${relay}/;`],
  ]);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${folder}/tmp/${kind};`)
    .join("\n");
  const nginxFile = file(
    "nginx.conf",
    `daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/nginx.log;
events {}
http {
access_log off;
${temporary}
server { listen 127.0.0.1:${nginx}; location / { proxy_pass http://${relay}; } }
${nginxSample}
${nginxBelowPath}
}
`,
  );
  const tls = `tls ${certFile} ${keyFile}`;
  const caddySampleText = replaced(sampleOf("Caddyfile"), [
    ["\nrelay.example {", `\nhttps://localhost:${caddySample} {\n\tbind 127.0.0.1\n\t${tls}`],
    ["reverse_proxy 127.0.0.1:8000", `reverse_proxy ${relay}`],
  ]);
  const caddyFile = file(
    "Caddyfile",
    `{
	admin off
	auto_https disable_redirects
	storage file_system ${folder}/caddy
	log {
		output file ${folder}/caddy.log
	}
}
http://localhost:${caddy} {
	bind 127.0.0.1
	reverse_proxy ${relay}
}
https://localhost:${caddyTls} {
	bind 127.0.0.1
	${tls}
	reverse_proxy ${relay}
}
${caddySampleText}`,
  );
  const haproxySample = replaced(sampleOf("haproxy.cfg"), [
    ["bind :443", `bind 127.0.0.1:${haproxyTls}`],
    ["/etc/fileshare/tls/relay.pem", both],
    ["server relay 127.0.0.1:8000", `server relay ${relay}`],
  ]);
  // The defaults are those of Debian.
  const haproxyFile = file(
    "haproxy.cfg",
    `defaults
    mode http
    timeout connect 5000
    timeout client 50000
    timeout server 50000
frontend plain
    bind 127.0.0.1:${haproxy}
    default_backend plain
frontend compressing
    bind 127.0.0.1:${compressing} proto h2
    compression algo gzip
    default_backend plain
backend plain
    server relay ${relay}
${haproxySample}`,
  );

  const PATH = `${process.env["PATH"] ?? ""}:/usr/sbin`;
  const own = { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
  const env = { ...process.env, ...own, PATH };
  const children = [
    ["nginx", "-c", nginxFile, "-e", `${folder}/nginx.log`],
    ["caddy", "run", "--adapter", "caddyfile", "--config", caddyFile],
    ["haproxy", "-db", "-q", "-f", haproxyFile],
  ].map((command) =>
    Bun.spawn(command, { env, stdin: "ignore", stdout: "ignore", stderr: "pipe" }),
  );
  const running: RunningProxies = {
    plain: { nginx: at("http", nginx), caddy: at("http", caddy), haproxy: at("http", haproxy) },
    caddyTls: at("https", caddyTls),
    compressing: at("http", compressing),
    below: `${at("https", nginxBelow)}/base`,
    sample: {
      nginx: at("https", nginxTls),
      caddy: at("https", caddySample),
      haproxy: at("https", haproxyTls),
    },
    ca,
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill("SIGTERM");
      await Promise.all(children.map(({ exited }) => exited));
    },
  };
  const ended = Promise.race(
    children.map(async ({ exited, stderr }) => {
      throw new Error(`a proxy ended with ${await exited}: ${await stderr.text()}`);
    }),
  );
  const ports = [
    nginx,
    caddy,
    haproxy,
    caddyTls,
    nginxTls,
    caddySample,
    haproxyTls,
    compressing,
    nginxBelow,
  ];
  await Promise.race([Promise.all(ports.map(listens)), ended]);
  ended.catch(() => undefined);
  return running;
}

function at(scheme: string, port: number): string {
  return `${scheme}://localhost:${port}`;
}

/** Waits until somebody listens there. @throws Error after WAIT_MS */
async function listens(port: number): Promise<void> {
  const until = Date.now() + WAIT_MS;
  while (!(await canConnect(port))) {
    if (Date.now() > until) throw new Error(`nobody listens at ${port}`);
    await Bun.sleep(20);
  }
}

function canConnect(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, "127.0.0.1");
  socket.on("connect", () => resolve(true));
  socket.on("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
