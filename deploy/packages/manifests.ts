/** The texts for Homebrew, Scoop and Nix, and install.sh: each names the address and the checksum of a binary. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { TargetName } from "../build/targets.ts";
import { assetOf, urlOf, type Release } from "../release.ts";

/** A file that packages take beside the binary. */
export const MANUAL = "fileshare.1";

/** A formula for a tap. @param manual hex: SHA-256 of the manual page */
export function homebrewFormula(release: Release, manual: string): string {
  const source = (target: TargetName): string => {
    const { file, sha256 } = assetOf(release, target);
    return `      url "${urlOf(release, file)}"\n      sha256 "${sha256}"`;
  };
  return `class Fileshare < Formula
  desc "${release.summary}"
  homepage "${release.homepage}"
  version "${release.version}"
  license "${release.licence}"

  on_macos do
    on_arm do
${source("macos-arm64")}
    end
    on_intel do
${source("macos-x64")}
    end
  end

  on_linux do
    on_arm do
${source("linux-arm64")}
    end
    on_intel do
${source("linux-x64")}
    end
  end

  resource "manual" do
    url "${urlOf(release, MANUAL)}"
    sha256 "${manual}"
  end

  def install
    bin.install Dir["fileshare-*"].first => "fileshare"
    chmod 0755, bin/"fileshare"
    generate_completions_from_executable(bin/"fileshare", "completion")
    resource("manual").stage { man1.install "${MANUAL}" }
  end

  service do
    run [opt_bin/"fileshare", "relay"]
    keep_alive crashed: true
    log_path var/"log/fileshare-relay.log"
    error_log_path var/"log/fileshare-relay.log"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/fileshare --version")
  end
end
`;
}

/** A manifest for a bucket. It updates itself where the base address has a version in it. */
export function scoopManifest(release: Release): string {
  const { file, sha256 } = assetOf(release, "windows-x64");
  const { base } = release;
  const github = /^https:\/\/github\.com\/[^/]+\/[^/]+(?=\/)/.exec(base)?.[0];
  const next = base.replaceAll("{version}", "$version");
  const manifest = {
    version: release.version,
    description: release.summary,
    homepage: release.homepage,
    license: release.licence,
    architecture: {
      // Scoop gives the file the name after the sign.
      "64bit": { url: `${urlOf(release, file)}#/fileshare.exe`, hash: sha256 },
    },
    bin: "fileshare.exe",
    // Scoop reads the newest version from the page of a project at GitHub; elsewhere there is no such page.
    ...(github !== undefined && { checkver: { github } }),
    ...(next !== base && {
      autoupdate: {
        architecture: {
          "64bit": { url: `${next}/${file}#/fileshare.exe`, hash: { url: "$baseurl/SHA256SUMS" } },
        },
      },
    }),
  };
  return `${JSON.stringify(manifest, null, 4)}\n`;
}

const NIX = [
  { system: "x86_64-linux", target: "linux-x64" },
  { system: "aarch64-linux", target: "linux-arm64" },
  { system: "x86_64-darwin", target: "macos-x64" },
  { system: "aarch64-darwin", target: "macos-arm64" },
] as const;

/** SRI: `sha256-` and base64. */
const sri = (hex: string): string => `sha256-${Uint8Array.fromHex(hex).toBase64()}`;

/** A derivation for `callPackage`. @param manual hex: SHA-256 of the manual page */
export function nixDerivation(release: Release, manual: string): string {
  const sources = NIX.map(({ system, target }) => {
    const { file, sha256 } = assetOf(release, target);
    return `    ${system} = fetchurl {
      url = "${urlOf(release, file)}";
      hash = "${sri(sha256)}";
    };`;
  });
  return `{
  lib,
  stdenv,
  fetchurl,
  installShellFiles,
  patchelf,
}:

let
  system = stdenv.hostPlatform.system;
  sources = {
${sources.join("\n")}
  };
  manual = fetchurl {
    url = "${urlOf(release, MANUAL)}";
    hash = "${sri(manual)}";
  };
in
stdenv.mkDerivation {
  pname = "${release.name}";
  version = "${release.version}";

  src = sources.\${system} or (throw "fileshare has no binary for \${system}");
  dontUnpack = true;
  # A section of the file holds fileshare itself, which strip would take away.
  dontStrip = true;

  nativeBuildInputs = [ installShellFiles ] ++ lib.optional stdenv.hostPlatform.isLinux patchelf;

  installPhase = ''
    runHook preInstall
    install -Dm755 $src $out/bin/fileshare
    install -Dm644 \${manual} $out/share/man/man1/${MANUAL}
    runHook postInstall
  '';

  # The binary asks for the loader of other distributions. The loader of Nix finds the C library, the only one that it needs.
  postInstall =
    lib.optionalString stdenv.hostPlatform.isLinux ''
      patchelf --set-interpreter \${stdenv.cc.bintools.dynamicLinker} $out/bin/fileshare
    ''
    + lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
      installShellCompletion --cmd fileshare \\
        --bash <($out/bin/fileshare completion bash) \\
        --fish <($out/bin/fileshare completion fish) \\
        --zsh <($out/bin/fileshare completion zsh)
    '';

  meta = {
    description = "${release.summary}";
    homepage = "${release.homepage}";
    license = lib.licenses.${NIX_LICENCES[release.licence] ?? "free"};
    mainProgram = "fileshare";
    platforms = builtins.attrNames sources;
    sourceProvenance = [ lib.sourceTypes.binaryNativeCode ];
  };
}
`;
}

const NIX_LICENCES: Readonly<Record<string, string>> = { MIT: "mit" };

/** A flake beside the derivation: `nix run`, `nix profile install`. */
export function nixFlake(release: Release): string {
  return `{
  description = "${release.summary}";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
${NIX.map(({ system }) => `        "${system}"`).join("\n")}
      ];
    in
    {
      packages = nixpkgs.lib.genAttrs systems (system: {
        default = nixpkgs.legacyPackages.\${system}.callPackage ./fileshare.nix { };
      });
    };
}
`;
}

/** @throws Error where the script has no place for one of its values */
export function installScript(release: Release): string {
  const sums = release.assets
    .flatMap(({ sha256, gzipSha256, file }) => [
      `${sha256}  ${file}`,
      ...(gzipSha256 === undefined ? [] : [`${gzipSha256}  ${file}.gz`]),
    ])
    .join("\n");
  const values = { "@VERSION@": release.version, "@BASE@": release.base, "@SUMS@": sums };
  return Object.entries(values).reduce(
    (text, [place, value]) => {
      if (text.split(place).length !== 2)
        throw new Error(`deploy/packages/install.sh must have ${place} once.`);
      return text.replace(place, () => value);
    },
    readFileSync(join(import.meta.dir, "install.sh"), "utf8"),
  );
}
