package remote

import (
	"strconv"
	"time"
)

// SSH says how ssh(1) is started. The zero value uses the user's own configuration.
type SSH struct {
	Config  string        // another file than the user's (ssh -F); "" is the user's own
	Batch   bool          // ask nothing: no password, no question about a key
	Connect time.Duration // how long a connection may take; whole seconds
	Sudo    bool          // run the verb as root on the other PBX, with sudo
}

// The command lines that ssh carries. No argument of a verb is in them: the shell of the
// other PBX reads a command line.
const (
	command     = "jailctl remote"
	commandSudo = "sudo -n jailctl remote"
)

// quiet are options for a connection that carries nothing but one command: a PBX that
// somebody took over must not get the keys of the agent, a Kerberos ticket or a port of this machine. Options
// of the command line win over files (ssh_config(5)).
var quiet = [...]string{
	"-a", "-x", "-T",
	"-k", // no ticket of Kerberos for it: GSSAPIDelegateCredentials
	"-o", "ClearAllForwardings=yes",
	"-o", "Tunnel=no",
	"-o", "PermitLocalCommand=no",
	"-o", "RemoteCommand=none",
	"-o", "ServerAliveInterval=15",
	"-o", "ServerAliveCountMax=3",
}

// base are the arguments that all connections have.
func (s SSH) base() (list []string) {
	if s.Config != "" {
		list = append(list, "-F", s.Config)
	}
	list = append(list, quiet[:]...)
	if s.Batch {
		list = append(list, "-o", "BatchMode=yes", "-o", "ConnectionAttempts=1")
	}
	if s.Connect > 0 {
		list = append(list, "-o", "ConnectTimeout="+strconv.Itoa(max(1, int(s.Connect/time.Second))))
	}
	return list
}

// Run are the arguments of ssh that run jailctl on the other PBX. LogLevel=ERROR keeps the
// reasons of a failure, whatever the user's configuration says.
func (s SSH) Run(t Target) []string {
	line := command
	if s.Sudo {
		line = commandSudo
	}
	return append(append(append(s.base(), "-o", "LogLevel=ERROR"), t.arguments()...), line)
}
