#!/bin/sh
# Draws the PNG icons from the SVG ones, with the few colours that they have. It needs rsvg-convert, pngquant and zopflipng
# (Debian: librsvg2-bin, pngquant, zopfli). Run it after a change of an SVG.
set -eu
cd "$(dirname "$0")"
for size in 192 512; do
  rsvg-convert --width "$size" --height "$size" icon.svg --output "icon-$size.png"
done
rsvg-convert --width 512 --height 512 maskable.svg --output maskable-512.png
rsvg-convert --width 180 --height 180 maskable.svg --output apple-touch-icon.png
# Four colours, and steps between them for the edges.
pngquant --force --strip --speed 1 --nofs --ext .png 10 ./*.png
for icon in ./*.png; do
  zopflipng -y --iterations=15 --filters=0me "$icon" "$icon" >/dev/null
done
