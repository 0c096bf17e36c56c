#!/bin/sh
# Builds the packages of all architectures into dist. `make packages` calls it from the top
# folder. VERSION is the version without "v"; DIST and ARCHS may be given.
set -eu

: "${VERSION:?give VERSION}"
DIST=$(realpath -m "${DIST:-dist}")
ARCHS=${ARCHS:-amd64 arm64 armhf}
here=configs/packaging
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export VERSION SOURCE_DATE_EPOCH

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$DIST" "$stage/man" "$stage/completion"
flags="-s -w -X pbxjail/cmd/internal/control.release=$VERSION"

# What is the same on every architecture is made with this machine's programs.
CGO_ENABLED=0 go build -trimpath -tags man -o "$stage/host-jailctl" ./cmd/jailctl
"$stage/host-jailctl" man "$stage/man"
cp $here/*.8 "$stage/man/"
gzip -9 -n "$stage"/man/*
"$stage/host-jailctl" completion bash >"$stage/completion/jailctl.bash"
"$stage/host-jailctl" completion zsh >"$stage/completion/_jailctl"
"$stage/host-jailctl" completion fish >"$stage/completion/jailctl.fish"
{
	echo "# While this is true pbxjail decides and bans nothing. jailctl setup switches it off."
	echo "observe: true"
	echo
	echo "# Every setting with its default. Remove the # before one to change it."
	"$stage/host-jailctl" check --reference | sed -n '/^# \/etc\/pbxjail\.d\//q; /^#/p; /^$/p; /^[^#]/s/^/#/p'
} >"$stage/pbxjail.yaml"
(cd $here && go build -o "$stage/nfpm" github.com/goreleaser/nfpm/v2/cmd/nfpm)

for ARCH in $ARCHS; do
	export ARCH STAGE="$stage/$ARCH"
	mkdir -p "$STAGE"
	cp -r "$stage/man" "$stage/completion" "$stage/pbxjail.yaml" "$STAGE/"
	case $ARCH in
	armhf) goarch=arm ARCH=arm7 ;; # nfpm's name for it
	*) goarch=$ARCH ;;
	esac
	for program in pbxjail jailctl pbxjail-fail2ban-client; do
		CGO_ENABLED=0 GOOS=linux GOARCH=$goarch GOARM=7 go build -trimpath -buildvcs=false -ldflags "$flags" -o "$STAGE/$program" ./cmd/$program
	done
	# nfpm expands no variables in src: it gets a file with the folder written in.
	for package in nfpm nfpm-fail2ban; do
		for packager in deb rpm; do
			(cd $here && sed "s|\${STAGE}|$STAGE|g" $package.yaml >"$STAGE/$package.yaml" && "$stage/nfpm" package -f "$STAGE/$package.yaml" -p $packager -t "$DIST/")
		done
	done
done
(cd "$DIST" && sha256sum ./*"$VERSION"*.deb ./*"$VERSION"*.rpm >SHA256SUMS && cat SHA256SUMS)
