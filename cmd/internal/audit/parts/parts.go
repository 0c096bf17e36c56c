// Package parts is the list of the parts of jailctl audit. jailctl calls it. It must never
// look at a machine by itself.
package parts

import (
	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/asterisk"
	"pbxjail/cmd/internal/audit/freepbx"
	"pbxjail/cmd/internal/audit/gdpr"
	"pbxjail/cmd/internal/audit/host"
	"pbxjail/cmd/internal/audit/shellshock"
	"pbxjail/cmd/internal/audit/tls"
)

// All are the parts, in the order in which they run. One line is one part.
func All() []audit.Part {
	return []audit.Part{
		{Name: "tls", Asks: "are the encrypted ports safe: SSLv3 (POODLE), old TLS, weak ciphers, certificates?", Checks: tls.Checks()},
		{Name: "shellshock", Asks: "does the bash of this machine run commands of an attacker (Shellshock)?", Checks: shellshock.Checks()},
		{Name: "asterisk", Asks: "is Asterisk old, open to the world, or has it weak secrets?", Checks: asterisk.Checks()},
		{Name: "freepbx", Asks: "does FreePBX, Elastix or Issabel have known holes, or signs of a break-in?", Checks: freepbx.Checks()},
		{Name: "host", Asks: "which ports answer the world, can root log in with a password, is the clock right?", Checks: host.Checks()},
		{Name: "recordings", Asks: "recordings of calls (GDPR): where they are, who can read them, how old, on an encrypted disk?", Checks: gdpr.Checks()},
	}
}
