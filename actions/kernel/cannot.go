package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"pbxjail/configs/hint"
)

// Texts of hints that several enforcers have.
const (
	// RootHint is what to do where the kernel refuses what only root may do.
	RootHint = "run pbxjail as root. Or: systemctl edit pbxjail; write below [Service]: AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW; then: systemctl restart pbxjail"
	// InstallHint is what to do where iptables is missing.
	InstallHint = "apt-get install iptables; then: systemctl restart pbxjail"
	// ReinstallHint is what to do where a program of iptables does not start.
	ReinstallHint = "the program is damaged, or is made for another processor: apt-get install --reinstall iptables; then: systemctl restart pbxjail"
	// RetryHint is for a change that the daemon makes again.
	RetryHint = "pbxjail tries again within seconds. If this comes again and again: systemctl restart pbxjail"
	// ReloadHint ends a hint about a file.
	ReloadHint = "; then: jailctl reload"
	// RestartHint ends a hint about a key that is read at the start only.
	RestartHint = "; then: systemctl restart pbxjail"
)

// Removed is the hint for something of pbxjail that another program removed or changed.
func Removed(what string) string {
	return "pbxjail makes " + what + " again within seconds. If this comes again and again, find the program that changes the firewall, such as a firewall script or a cron job, and stop that program"
}

// Cannot is err with what pbxjail was doing, and with a hint where the cause is known. nil
// stays nil.
func Cannot(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return WithHint(fmt.Errorf("cannot %s: %w", fmt.Sprintf(format, args...), err))
}

// WithHint gives err a hint for its cause, if the cause is known and err has no hint.
func WithHint(err error) error {
	if err == nil || hint.Of(err) != "" {
		return err
	}
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return hint.Add(RootHint, err)
	case errors.Is(err, unix.EMFILE):
		return hint.Add("systemctl edit pbxjail; write below [Service]: LimitNOFILE=65536; then: systemctl restart pbxjail", err)
	case errors.Is(err, unix.ENOMEM), errors.Is(err, unix.ENOBUFS):
		return hint.Add("this machine has too little free memory. To see the largest programs: ps aux --sort=-rss | head; then: systemctl restart pbxjail", err)
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ETIMEDOUT):
		return hint.Add(fmt.Sprintf("the kernel did not answer within %d seconds, because this machine is too busy. To see the busy programs: top; then try again", LockWait), err)
	}
	return err
}

// LongChain is the error for a chain whose name leaves no room for what pbxjail adds to it.
func LongChain(name string, longest int) error {
	return hint.Errorf(fmt.Sprintf("write into the main file: chain: NAME, with a name of at most %d letters", longest)+RestartHint, "chain: the name %q is too long", name)
}

// ForeignSet is the error for a set of another program that has the name of one of ours.
func ForeignSet(set, kind string, family uint8) error {
	version := "IPv4"
	if family == unix.AF_INET6 {
		version = "IPv6"
	}
	return hint.Errorf("if no other program needs this set: ipset destroy "+set+"; else write another name into the main file, such as chain: pbxjail2. Then: systemctl restart pbxjail",
		"pbxjail cannot use set %s, because another program made it (type %s, %s)", set, kind, version)
}
