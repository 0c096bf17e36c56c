package xtables

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"

	"github.com/coreos/go-iptables/iptables"

	"pbxjail/actions/kernel"
	"pbxjail/configs/hint"
)

// program is iptables as the library go-iptables drives it. The library starts it once for
// its version, so it is opened at its first use: a start that needs none of it is faster.
// Its owner serialises the calls.
type program struct {
	proto iptables.Protocol
	path  string
	ipt   *iptables.IPTables // nil: not opened yet
}

// open fails with errNoUse when the program cannot even print its version. A later call
// tries again.
func (p *program) open() (*iptables.IPTables, error) {
	if p.ipt != nil {
		return p.ipt, nil
	}
	ipt, err := iptables.New(iptables.IPFamily(p.proto), iptables.Timeout(kernel.LockWait), iptables.Path(p.path))
	if err != nil {
		return nil, broken(fmt.Errorf("%w: %s: %w", errNoUse, p.path, err))
	}
	p.ipt = ipt
	return ipt, nil
}

// broken adds a hint where the cause is the file of the program: apt-get without --reinstall
// changes nothing, because the package is installed. The library gives the cause as text.
func broken(err error) error {
	for _, cause := range []error{syscall.ENOEXEC, syscall.ENOENT, syscall.EACCES, exec.ErrNotFound} {
		if strings.Contains(err.Error(), cause.Error()) {
			return hint.Add(kernel.ReinstallHint, err)
		}
	}
	return err
}

// change runs the program, and explains an error of it.
func (c *Chain) change(doing string, run func(*iptables.IPTables) error) error {
	ipt, err := c.program.open()
	if err != nil {
		return err
	}
	return c.explain(doing, run(ipt))
}
