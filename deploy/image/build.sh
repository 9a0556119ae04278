#!/bin/sh
# Build the image and write its bill of materials to build/image/sbom.json:
#
#     deploy/image/build.sh [OPTION …]
#
# OPTIONs go to the engine's `build`, such as --build-arg BASE=NAME@sha256:DIGEST. The variable
# DOCKER chooses the engine, IMAGE the image's name. The same commit gives the same layers.
set -eu
cd "$(dirname "$0")/../.."

image=${IMAGE:-highway-networks}
engine=${DOCKER:-}
for candidate in docker podman buildah; do
  if [ -z "$engine" ] && "$candidate" info > /dev/null 2>&1; then engine=$candidate; fi
done
if ! command -v "${engine:-none}" > /dev/null; then
  printf 'error: expected docker with a running daemon, podman or buildah, found %s; %s\n' \
    "${engine:-none of them}" 'install one, on Debian and Ubuntu with `apt install podman`' >&2
  exit 1
fi

# The time of the commit, unless the variable is set; zero without the history.
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || echo 0)}
revision=$(git describe --always --abbrev=40 --exclude='*' --dirty 2> /dev/null || echo unknown)
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' service/__init__.py)
form=+%Y-%m-%dT%H:%M:%SZ
created=$(date -u -d "@$epoch" $form 2> /dev/null || date -u -r "$epoch" $form)

set -- "$@" --tag "$image" --build-arg "SOURCE_DATE_EPOCH=$epoch" --build-arg "VERSION=$version" \
  --build-arg "REVISION=$revision" --build-arg "CREATED=$created"
mkdir -p build/image
case $(basename "$engine") in
  buildah)
    buildah bud --format docker --layers --timestamp "$epoch" "$@" .
    container=$(buildah from --pull-never "$image")
    cp "$(buildah mount "$container")/app/sbom.json" build/image/sbom.json
    buildah rm "$container" > /dev/null
    ;;
  *)
    if [ "$(basename "$engine")" = podman ]; then
      set -- "$@" --format docker --timestamp "$epoch"
    fi
    "$engine" build "$@" .
    container=$("$engine" create "$image")
    "$engine" cp "$container:/app/sbom.json" build/image/sbom.json
    "$engine" rm "$container" > /dev/null
    ;;
esac
echo "$image: revision $revision; bill of materials: build/image/sbom.json"
