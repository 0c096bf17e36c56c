package actions

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"pbxjail/actions/ipset"
	"pbxjail/actions/kernel"
	"pbxjail/actions/nft"
	"pbxjail/actions/xtables"
	"pbxjail/configs/hint"
)

// kind is an enforcer that drops packets.
type kind struct {
	name string
	open func(Options) (Enforcer, error)
	is   func(Enforcer) bool
	gate func(Options) (Gate, error) // nil: it has none
	// clear removes what enforcers of other kinds left: their bans would never be lifted.
	clear func(Options) error
	// instead tells the operator what it means that auto chose this kind.
	instead string
}

// kinds are the enforcers, the best first. auto takes the first that works.
func kinds() []kind {
	return []kind{
		{"ipset", opens(ipset.Open), is[*ipset.Enforcer], opensGate(ipset.OpenGate), nft.Clear, ""},
		{"nftables", opens(nft.Open), is[*nft.Enforcer], opensGate(nft.OpenGate), ipset.Clear, "nftables is used"},
		{"iptables", opens(xtables.Open), is[*xtables.Enforcer], nil, nft.Clear, fmt.Sprintf("plain iptables rules are used, at most %d bans, and each packet is compared with all of them", xtables.Max)},
	}
}

// opens returns a nil Enforcer where open returns a nil *ipset.Enforcer.
func opens[E Enforcer](open func(Options) (E, error)) func(Options) (Enforcer, error) {
	return func(o Options) (Enforcer, error) {
		e, err := open(o)
		if err != nil {
			return nil, err
		}
		return e, nil
	}
}

// opensGate is opens for a Gate.
func opensGate[G Gate](open func(Options) (G, error)) func(Options) (Gate, error) {
	return func(o Options) (Gate, error) {
		g, err := open(o)
		if err != nil {
			return nil, err
		}
		return g, nil
	}
}

func is[E Enforcer](e Enforcer) bool {
	_, ok := kindOf(e).(E)
	return ok
}

// Open makes the enforcer of a kind: "ipset", "nftables", "iptables" (plain rules),
// "observe", or "auto" (also ""): ipset; nftables where iptables or the kernel has no
// ipset; plain rules where neither works. notes tells the operator which kind was chosen
// and why a better one does not work. auto calls Setup to try a kind. The caller calls
// Setup in any case. The enforcer works in the network namespace of the calling thread.
//
// A change of kind removes what the old kind made; its bans come back from the ledger.
func Open(name string, o Options) (e Enforcer, notes []string, err error) {
	o.Chain, o.Hook, o.MaxElem = cmp.Or(o.Chain, "pbxjail"), cmp.Or(o.Hook, "raw"), cmp.Or(o.MaxElem, 1<<20)
	if !kernel.ChainName.MatchString(o.Chain) {
		return nil, nil, hint.Errorf("write into the main file: chain: pbxjail. Another name may have at most 27 characters: first a lower-case letter, then lower-case letters, digits, - and _"+kernel.RestartHint, "chain: the name %q cannot be used", o.Chain)
	}
	if o.Hook != "raw" && o.Hook != "filter" {
		return nil, nil, hint.Errorf("write hook: raw or hook: filter into the main file"+kernel.RestartHint, "hook: %q is not known", o.Hook)
	}
	if o.Reject && o.Hook == "raw" && name != "observe" {
		return nil, nil, hint.Errorf("write hook: filter into the main file; or write action: drop there"+kernel.RestartHint, "action: reject does not work with hook: raw")
	}
	var k kind
	switch name {
	case "observe":
		e := newObserve(o)
		return e, nil, e.Split(o.Groups)
	case "auto", "":
		e, k, notes, err = openAuto(o)
	default:
		at := slices.IndexFunc(kinds(), func(k kind) bool { return k.name == name })
		if at < 0 {
			return nil, nil, hint.Errorf("write into the main file: enforcer: auto (or ipset, nftables, iptables, observe)"+kernel.RestartHint, "enforcer: %q is not known", name)
		}
		k = kinds()[at]
		e, err = k.open(o)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := k.clear(o); err != nil {
		notes = append(notes, kernel.Note("old rules or sets of another enforcer cannot be removed, and may still drop packets", orClear(err, o.Chain)))
	}
	return e, notes, nil
}

// openAuto tries the kinds in turn. It tries the next one only if this host lacks what a
// kind needs. The last one is not tried here: the caller's Setup reports what is wrong.
func openAuto(o Options) (e Enforcer, k kind, notes []string, err error) {
	var lacks []error // why the kinds before do not work
	all := kinds()
	for i := range all {
		k = all[i]
		e, left, err := k.try(o, i == len(all)-1)
		notes = append(notes, left...)
		switch {
		case err == nil && len(lacks) == 0:
			return e, k, notes, nil
		case err == nil:
			return e, k, append([]string{k.instead + ": " + texts(lacks)}, notes...), nil
		case !lacking(err):
			return nil, k, nil, errors.Join(append(lacks, err)...)
		}
		if !slices.ContainsFunc(lacks, func(l error) bool { return l.Error() == err.Error() }) {
			lacks = append(lacks, err)
		}
	}
	return nil, k, nil, errors.Join(lacks...)
}

func texts(errs []error) string {
	var list []string
	for _, err := range errs {
		list = append(list, err.Error())
	}
	return strings.Join(list, "; ")
}

// lacking reports whether an error says that this host lacks what a kind needs.
func lacking(err error) bool {
	_, lacks := errors.AsType[kernel.Missing](err)
	return lacks
}

// try opens an enforcer and, unless it is the last, sets it up. One that does not work is
// removed; left names what could not be removed.
func (k kind) try(o Options, last bool) (e Enforcer, left []string, err error) {
	if e, err = k.open(o); err != nil || last {
		return e, nil, err
	}
	if _, _, err = e.Setup(); err == nil {
		return e, nil, nil
	}
	if lacking(err) {
		if failed := e.Teardown(); failed != nil {
			left = append(left, kernel.Note("rules or sets of an enforcer that does not work here cannot be removed", orClear(failed, o.Chain)))
		}
	}
	e.Close()
	return nil, left, err
}
