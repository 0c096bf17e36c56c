// Package control is the API of a running daemon: JSON over HTTP on a Unix
// socket. The daemon serves it with Handlers, jailctl calls it with a Client.
// It must never decide or keep bans itself, listen on a network, or change anything for
// a caller whose uid the kernel did not report (SO_PEERCRED, unix(7)).
//
// A user who may open the socket may do everything: root, and the members of one group.
//
// Each call is a line in call.go: method, path below /v1, question and answer.
//
// Every answer carries the header Pbxjail-Api with the major version, and a
// client refuses another one. A refusal is {"error", "hint"} with status
// 400, 403, 404, 409 or 500. Within a version, fields are only added.
package control

import "runtime/debug"

// Major is the version of the API: the N of /vN/.
const Major = "1"

const header = "Pbxjail-Api"

// DefaultPath is where the daemon listens and jailctl looks.
const DefaultPath = "/run/pbxjail/pbxjail.sock"

// DefaultGroup is the group whose members may use the socket, as root may. It need not exist.
const DefaultGroup = "pbxjail"

// release is set only by the linker (see the Makefile), to the output of git describe.
var release string

// Release is the version of this program: set by the Makefile, else recorded by the go
// command, else "unknown".
func Release() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
