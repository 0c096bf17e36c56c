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
	if waits, err := c.restoreWaits(); err != nil {
		return err
	} else if waits {
		args = append(args, "-w", strconv.Itoa(kernel.LockWait))
	}
	cmd := exec.Command(c.path+"-restore", args...)
	cmd.Stdin = strings.NewReader("*" + c.table + "\n" + strings.Join(lines, "\n") + "\nCOMMIT\n")
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		return hint.Add(kernel.InstallHint, fmt.Errorf("cannot change chain %s: %w", c.name, err))
	}
	if err != nil {
		err = fmt.Errorf("%s-restore: %w: %s", c.path, err, out)
	}
	return c.explain("change chain "+c.name, err)
}

// restoreWaits reports whether iptables-restore takes -w: since 1.6.2, and older ones take no
// lock. There is no older iptables-nft.
func (c *Chain) restoreWaits() (bool, error) {
	if c.nft {
		return true, nil
	}
	ipt, err := c.program.open()
	if err != nil {
		return false, err
	}
	a, b, d := ipt.GetIptablesVersion()
	return a > 1 || a == 1 && (b > 6 || b == 6 && d >= 2), nil
}

// Build makes the chain, its rules and a jump to it as the first rule of its parent. It
// starts one program and changes all in one step. It is for a chain that is Absent. An error
// does not say enough for a person: Ensure and EnsureOnly do the same in steps.
func (c *Chain) Build(view *kernel.NftReader, r *Report, specs ...[]string) error {
	lines := []string{":" + c.name + " - [0:0]"}
	for _, spec := range specs {
		lines = append(lines, "-A "+c.name+" "+strings.Join(spec, " "))
	}
	lines = append(lines, "-I "+c.parent+" 1 -j "+c.name)
	if err := c.restore(lines); err != nil {
		return err
	}
	if c.Absent(view) {
		return hint.Errorf("write enforcer: nftables into the main file"+kernel.RestartHint, "pbxjail does not find chain %s, which %s-restore has just made", c.name, c.path)
	}
	r.Add("chain %s of table %s", c.name, c.table)
	r.Add("the rules of chain %s", c.name)
	r.Add("the jump from %s %s", c.table, c.parent)
	r.hooked = true
	return nil
}
