#!/bin/sh
# Makes a release into dist: `make release VERSION=1.2.3`. It checks the tree, the tag and the
# changelog, runs all tests, builds the packages, writes checksums and a list of the modules
# inside (SBOM.txt), and sets the tag. It publishes nothing.
set -eu

: "${VERSION:?give VERSION, such as 1.2.3}"
fail() {
	echo "release: $1" >&2
	echo "hint: $2" >&2
	exit 1
}
echo "$VERSION" | grep -Eq '^[0-9]+\.[0-9]+\.[0-9]+$' || fail "$VERSION is not a version" "write three numbers, such as 1.2.3"
[ -z "$(git status --porcelain)" ] || fail "the tree has changes" "commit them first"
! git rev-parse -q --verify "refs/tags/v$VERSION" >/dev/null || fail "the tag v$VERSION is there" "take the next version"
grep -q "^## $VERSION " CHANGELOG.md || fail "CHANGELOG.md has no section ## $VERSION" "rename ## Unreleased to ## $VERSION, with the date behind it"

make test
rm -rf dist
VERSION=$VERSION configs/packaging/build.sh
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
for program in pbxjail jailctl pbxjail-fail2ban-client; do
	CGO_ENABLED=0 go build -trimpath -o "$stage/$program" "./cmd/$program"
	(cd "$stage" && go version -m "$program")
done >dist/SBOM.txt
(cd dist && sha256sum SBOM.txt >>SHA256SUMS)
git tag -a "v$VERSION" -m "pbxjail $VERSION"
echo "made: dist, and the tag v$VERSION; push both when you are content"
