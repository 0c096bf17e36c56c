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

// Open makes the enforcer of a kind: "ipset", "iptables" (plain rules),
// "observe", or "auto" (also ""): ipset, or plain rules where the kernel or
// iptables cannot do it. notes says, for the operator, what was chosen for want
// of better. auto has to try: it calls Setup. The caller calls Setup in any
// case. The enforcer works in the network namespace of the calling thread.
//
// Changing kinds leaves nothing of the one before in the chain; its bans come
// back from the ledger.
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
		return openAuto(o)
	case "ipset":
		return opened(newIPSet(o))
	case "iptables":
		return opened(newPlain(o))
	case "observe":
		return newObserve(o), nil, nil
	}
	return nil, nil, &hinted{fmt.Errorf("enforcer %q is unknown", kind), "use auto, ipset, iptables or observe"}
}

// opened keeps a nil *ipset or *plain from becoming an Enforcer that is not nil.
func opened[E Enforcer](e E, err error) (Enforcer, []string, error) {
	if err != nil {
		return nil, nil, err
	}
	return e, nil, nil
}

func openAuto(o Options) (Enforcer, []string, error) {
	var leftovers error
	sets, err := newIPSet(o)
	if err == nil {
		if _, _, err = sets.Setup(); err == nil {
			return sets, nil, nil
		}
		if errors.Is(err, errNoIPSet) {
			leftovers = sets.Teardown()
		}
		sets.Close()
	}
	if !errors.Is(err, errNoIPSet) {
		return nil, nil, err
	}
	notes := []string{fmt.Sprintf("plain iptables rules are used, at most %d bans and some 10 ms each: %v", plainMax, err)}
	if leftovers != nil {
		notes = append(notes, "leftovers of the attempt: "+leftovers.Error())
	}
	e, _, err := opened(newPlain(o))
	return e, notes, err
}
