package xtables

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"pbxjail/actions/kernel"
	"pbxjail/configs/hint"
)

// restore changes rules of our table in one step: all lines hold, or none. It starts one
// program, whatever the number of lines. A line is "-I CHAIN 1 ..." or "-D CHAIN ...": of
// names, prefixes and numbers of ours.
func (c *Chain) restore(lines []string) error {
	args := []string{"--noflush"}
	// iptables-restore waits for the lock since 1.6.2; older ones take none.
	if a, b, d := c.ipt.GetIptablesVersion(); a > 1 || a == 1 && (b > 6 || b == 6 && d >= 2) {
		args = append(args, "-w", strconv.Itoa(kernel.LockWait))
	}
	cmd := exec.Command(c.path+"-restore", args...)
	cmd.Stdin = strings.NewReader("*" + c.table + "\n" + strings.Join(lines, "\n") + "\nCOMMIT\n")
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return hint.Add("apt-get install iptables; then: systemctl restart pbxjail", fmt.Errorf("change chain %s: %w", c.name, err))
	}
	if err != nil {
		err = fmt.Errorf("%s-restore: %w: %s", c.path, err, out)
	}
	return c.explain("change chain "+c.name, err)
}
