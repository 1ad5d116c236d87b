/** Programs of Debian that some tests drive. `check` installs them, so where it runs nothing is skipped. */

/**
 * Debian's packages with those programs. One a line, sorted; the program where its name is another.
 */
export const PACKAGES = [
  "bindfs",
  "busybox",
  "caddy",
  "chromium",
  "chromium-headless-shell",
  "coreutils", // sha256sum
  "curl",
  "dpkg", // dpkg-deb
  "e2fsprogs", // mkfs.ext4
  "firefox-esr",
  "fish",
  "fuse3",
  "groff-base", // groff
  "haproxy",
  "iproute2", // ip, ss
  "magic-wormhole", // wormhole
  "magic-wormhole-transit-relay",
  "nats-server",
  "nginx",
  "ntfs-3g", // lowntfs-3g, mkfs.ntfs
  "openssl",
  "perl", // shasum
  "prometheus", // promtool
  "python3-fastapi",
  "python3-fusepy",
  "python3-magic-wormhole-mailbox-server",
  "python3-uvicorn",
  "python3-websockets",
  "shellcheck",
  "systemd", // systemd-analyze
  "tmux",
  "unzip",
  "util-linux", // unshare, setpriv
  "zsh",
] as const;

type Package = (typeof PACKAGES)[number];

/**
 * Whether tests that need these packages are skipped, as on a developer's machine without them.
 * @param isHere whether what they need was found
 * @throws Error in CI, which skips no test
 */
export function lacks(isHere: boolean, ...packages: readonly Package[]): boolean {
  if (isHere) return false;
  const ci = process.env["CI"] ?? "";
  if (ci === "" || ci === "false") return true;
  throw new Error(`Tests need Debian's ${packages.join(", ")}: install it, or run check as root`);
}

/** The same of one program on PATH, or where only root's PATH leads. */
export function lacksProgram(program: string, ...packages: readonly Package[]): boolean {
  const PATH = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
  return lacks(Bun.which(program, { PATH }) !== null, ...packages);
}

/**
 * The way to mount without asking anyone: as root in a mount namespace, else in a user namespace too.
 * Undefined where the kernel lets nobody, as in a container without that capability.
 */
export function mountNamespace(): string | undefined {
  return namespaceFor(["-m", "-rm"], ["mount", "-t", "tmpfs", "none", "/mnt"]);
}

/** The same for a network of one's own, with bridges, in a namespace that may mount too. */
export function networkNamespace(): string | undefined {
  if (lacksProgram("ip", "iproute2")) return undefined;
  return namespaceFor(["-mn", "-rmn"], ["ip", "link", "add", "br0", "type", "bridge"]);
}

/** The first of these ways in which that command goes well. */
function namespaceFor(ways: readonly string[], command: readonly string[]): string | undefined {
  if (lacksProgram("unshare", "util-linux")) return undefined;
  return ways.find(
    (flags) =>
      Bun.spawnSync(["unshare", flags, ...command], {
        stdin: "ignore",
        stdout: "ignore",
        stderr: "ignore",
      }).exitCode === 0,
  );
}

/** A command as a process that files' modes bind. They bind root only without these capabilities. */
export function boundByModes(command: readonly string[]): string[] {
  if (process.geteuid?.() !== 0) return [...command];
  return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--", ...command];
}
