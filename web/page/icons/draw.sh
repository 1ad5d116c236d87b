#!/bin/sh
# Draws the PNG icons from the SVG ones. It needs rsvg-convert (Debian: librsvg2-bin). Run it after a change of an SVG.
set -eu
cd "$(dirname "$0")"
for size in 192 512; do
  rsvg-convert --width "$size" --height "$size" icon.svg --output "icon-$size.png"
done
rsvg-convert --width 512 --height 512 maskable.svg --output maskable-512.png
rsvg-convert --width 180 --height 180 maskable.svg --output apple-touch-icon.png
