package actions

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
)

// chainName is what iptables, ipset and our -4t suffixes all take (28 and 31
// letters at most), and no builtin chain or target is called: those are in capitals.
var chainName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,26}$`)

// Open makes the enforcer of a kind: "ipset", "nftables", "iptables" (plain rules),
// "observe", or "auto" (also ""): ipset, nftables where iptables or the kernel cannot
// do that, or plain rules where neither is to be had. notes says, for the operator,
// what was chosen for want of better. auto has to try: it calls Setup. The caller
// calls Setup in any case. The enforcer works in the network namespace of the calling
// thread.
//
// Changing kinds leaves nothing of the one before that would go on dropping; its bans
// come back from the ledger.
func Open(kind string, o Options) (e Enforcer, notes []string, err error) {
	o.Chain, o.Hook, o.MaxElem = cmp.Or(o.Chain, "pbxjail"), cmp.Or(o.Hook, "raw"), cmp.Or(o.MaxElem, 1<<20)
	if !chainName.MatchString(o.Chain) {
		return nil, nil, &hinted{fmt.Errorf("chain name %q cannot be used", o.Chain),
			"at most 27 lower-case letters, digits, - and _, the first a letter"}
	}
	if o.Hook != "raw" && o.Hook != "filter" {
		return nil, nil, &hinted{fmt.Errorf("hook %q is unknown", o.Hook), "use raw or filter"}
	}
	switch kind {
	case "auto", "":
		e, notes, err = openAuto(o)
	case "ipset":
		e, err = opened(newIPSet(o))
	case "iptables":
		e, err = opened(newPlain(o))
	case "nftables":
		e, err = opened(newNftables(o))
	case "observe":
		return newObserve(o), nil, nil
	default:
		err = &hinted{fmt.Errorf("enforcer %q is unknown", kind), "use auto, ipset, nftables, iptables or observe"}
	}
	if err != nil {
		return nil, nil, err
	}
	if err := removeOthers(e, o); err != nil {
		notes = append(notes, "what another kind of enforcer left is still there: "+err.Error())
	}
	return e, notes, nil
}

// removeOthers takes away what an enforcer of another kind left: nobody would lift its
// bans.
func removeOthers(e Enforcer, o Options) error {
	if _, tables := e.(*nftables); tables {
		other, err := newIPSet(o)
		if err != nil { // without the programs there is nothing of theirs
			return nil
		}
		defer other.Close()
		return other.Teardown()
	}
	other, err := newNftables(o)
	if err != nil {
		return nil
	}
	defer other.Close()
	if there, err := other.there(); err != nil || !there { // a kernel without nftables has none
		return nil
	}
	return other.Teardown()
}

// opened keeps a nil *ipset or *plain from becoming an Enforcer that is not nil.
func opened[E Enforcer](e E, err error) (Enforcer, error) {
	if err != nil {
		return nil, err
	}
	return e, nil
}

func openAuto(o Options) (Enforcer, []string, error) {
	sets, err := newIPSet(o)
	e, notes, err := tried(sets, err)
	if !errors.Is(err, errNoIPSet) && !errors.Is(err, errNoIptables) && !errors.Is(err, errNoTable) {
		return e, notes, err
	}
	notes = append(notes, fmt.Sprintf("nftables is used: %v", err))
	tables, failed := newNftables(o)
	e, more, failed := tried(tables, failed)
	if failed == nil {
		return e, append(notes, more...), nil
	}
	if !errors.Is(failed, errNoNftables) || errors.Is(err, errNoIptables) {
		return nil, nil, errors.Join(err, failed)
	}
	notes = []string{fmt.Sprintf("plain iptables rules are used, at most %d bans and some 10 ms each: %v; %v", plainMax, err, failed)}
	e, err = opened(newPlain(o))
	return e, append(notes, more...), err
}

// tried sets an enforcer up. One that does not work leaves nothing; what it leaves all
// the same is in notes.
func tried[E Enforcer](e E, err error) (Enforcer, []string, error) {
	if err != nil {
		return nil, nil, err
	}
	if _, _, err = e.Setup(); err == nil {
		return e, nil, nil
	}
	var notes []string
	if errors.Is(err, errNoIPSet) || errors.Is(err, errNoTable) || errors.Is(err, errNoNftables) {
		if left := e.Teardown(); left != nil {
			notes = append(notes, "leftovers of the attempt: "+left.Error())
		}
	}
	e.Close()
	return nil, notes, err
}
