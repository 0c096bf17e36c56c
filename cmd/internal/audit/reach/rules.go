package reach

// answer is whether a rule fits a packet.
type answer uint8

const (
	no answer = iota
	maybe
	yes
)

// and fits when both do.
func and(a, b answer) answer { return min(a, b) }

// not turns an answer round; maybe stays.
func not(a answer) answer { return yes - a }

// test is one test of a rule. It knows what the rule does to what fits: a list of banned
// addresses has no stranger in it, a list of allowed countries may have.
type test func(p packet, does action) answer

// rule is one rule of any firewall. It fits when all its tests do.
type rule struct {
	tests  []test
	action action
	target string // a chain, for jump and goTo
}

func (r rule) fits(p packet) answer {
	out := yes
	for _, t := range r.tests {
		out = and(out, t(p, r.action))
	}
	return out
}

func always(a answer) test { return func(packet, action) answer { return a } }

func inverted(t test) test {
	return func(p packet, does action) answer { return not(t(p, does)) }
}

// inList is for a list of addresses that is not printed.
func inList(_ packet, does action) answer {
	if does == drop {
		return no
	}
	return maybe
}

type action uint8

const (
	pass    action = iota // log, count, mark: the next rule is asked
	accept                // out of this hook
	drop                  // or reject
	leave                 // back to the chain that jumped
	jump                  // to a chain, and back
	goTo                  // to a chain, and not back
	strange               // an action that is not understood
)

// chain is a list of rules. policy is for a chain that the kernel enters by itself.
type chain struct {
	rules  []rule
	policy action
}

// ruleset is the rules of one program, with the chains that a packet for this machine enters.
type ruleset struct {
	chains map[string]*chain
	enters []string // in order
}

// says reports whether the ruleset does anything but let packets pass.
func (r *ruleset) says() bool {
	for _, c := range r.chains {
		if len(c.rules) > 0 || c.policy != accept {
			return true
		}
	}
	return false
}

const (
	maxDepth = 32      // chains inside each other
	maxSteps = 100_000 // rules that one packet is compared with
)

// outcome of a chain: one that falls through goes on after the jump.
type outcome uint8

const (
	through outcome = iota
	accepted
	dropped
	unclear
)

// verdict follows a packet through all chains that it enters.
func (r *ruleset) verdict(p packet) Verdict {
	out := Open
	steps := 0
	for _, name := range r.enters {
		c := r.chains[name]
		result := r.follow(c, p, 0, &steps)
		if result == through {
			result = map[action]outcome{accept: accepted, drop: dropped}[c.policy]
		}
		switch result {
		case dropped:
			return Closed
		case unclear:
			out = Unknown
		}
	}
	return out
}

// follow is what a chain does with a packet. Where a rule may fit or not, both ways are
// followed, and ways that end differently are unclear.
func (r *ruleset) follow(c *chain, p packet, depth int, steps *int) outcome {
	if c == nil || depth > maxDepth {
		return unclear
	}
	doubt := outcome(255) // what a way ended with that the packet may have taken
	settle := func(end outcome) outcome {
		if doubt == 255 || doubt == end {
			return end
		}
		return unclear
	}
	for _, one := range c.rules {
		if *steps++; *steps > maxSteps {
			return unclear
		}
		fits := one.fits(p)
		if fits == no {
			continue
		}
		end, ends := r.act(one, p, depth, steps)
		switch {
		case !ends:
		case fits == yes:
			return settle(end)
		case doubt == 255:
			doubt = end
		case doubt != end:
			return unclear
		}
	}
	return settle(through)
}

// act is what a rule that fits does, and whether the chain ends there.
func (r *ruleset) act(one rule, p packet, depth int, steps *int) (end outcome, ends bool) {
	switch one.action {
	case accept:
		return accepted, true
	case drop:
		return dropped, true
	case leave:
		return through, true
	case goTo:
		return r.follow(r.chains[one.target], p, depth+1, steps), true
	case jump:
		end = r.follow(r.chains[one.target], p, depth+1, steps)
		return end, end != through
	case strange:
		return unclear, true
	}
	return through, false
}
