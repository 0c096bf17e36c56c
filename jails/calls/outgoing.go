package calls

import (
	"slices"
	"strings"
)

// fewestOut is the fewest digits of a number that leaves the PBX. Extensions are shorter.
const fewestOut = 7

// Outgoing finds out whether a call leaves the PBX, and to which number. A call that comes in
// over a trunk is dialled to a number of ours, which may be of another country, and rings at a
// phone of ours: it costs nothing.
//
// dialled is what the caller dialled; any bytes. dial is what Asterisk dials for that, as the
// dialplan gives it to Dial, such as PJSIP/00972591234567@trunk; "": not known. dest is the
// account of the channel that is called. A number that Asterisk dials and that is no account
// goes out. The number is that of the caller where both end alike: the plan is about what
// phones dial.
//
// phone reports whether a phone of ours is registered with an account. A dial to such an account,
// such as PJSIP/201 or PJSIP/201/sip:USER@HOST, stays in the PBX: the phone itself wrote USER when
// it registered, and any digits can be in it.
func Outgoing(dialled, dial, dest string, phone func(account string) bool) (number string, ok bool) {
	for _, one := range strings.Split(dial, "&") {
		one, _, _ = strings.Cut(one, ",")
		if !strings.Contains(dialled, "/") && phone(called(one)) { // who dials 201/sip:NUMBER writes the dial
			continue
		}
		one = strings.TrimPrefix(one, "sip:")
		if at := strings.IndexByte(one, '@'); at >= 0 {
			one = one[:at]
		}
		for _, run := range runs(one) {
			if run == dest || strings.TrimPrefix(run, "+") == dest {
				continue
			}
			if digits, _ := clean(dialled); len(digits) >= fewestOut && sameTail(digits, run) {
				return dialled, true
			}
			number, ok = run, true
		}
	}
	return number, ok
}

// DialsEmergency reports whether a dial, such as PJSIP/112@trunk, leads to an emergency number.
func (e *Engine) DialsEmergency(dial string) bool {
	for _, one := range strings.Split(dial, "&") {
		one, _, _ = strings.Cut(one, ",")
		one, _, _ = strings.Cut(one[strings.LastIndexByte(one, '/')+1:], "@")
		if e.set.Plan.Read(strings.TrimPrefix(one, "sip:")).Class == Emergency {
			return true
		}
	}
	return false
}

// called is the account that one part of a dial names without a number: that of PJSIP/201, of
// PJSIP/201/sip:USER@HOST, and of both without PJSIP/; "": there is none.
func called(one string) (account string) {
	at := strings.Count(one, "@")
	before, _, uri := strings.Cut(strings.Replace(one, "/sips:", "/sip:", 1), "/sip:")
	if at > 1 || at == 1 && !uri {
		return ""
	}
	tech, account, ok := strings.Cut(before, "/")
	switch {
	case !ok:
		return before
	case tech == "PJSIP" || tech == "SIP" || tech == "IAX2":
		if !strings.Contains(account, "/") {
			return account
		}
	}
	return ""
}

// runs are the rows of digits that can be numbers outside, the longest last.
func runs(text string) (list []string) {
	for i := 0; i < len(text); {
		from := i
		if text[i] == '+' {
			i++
		}
		for i < len(text) && text[i] >= '0' && text[i] <= '9' {
			i++
		}
		if i-from >= fewestOut {
			list = append(list, text[from:i])
		}
		if i == from {
			i++
		}
	}
	slices.SortStableFunc(list, func(a, b string) int { return len(a) - len(b) })
	return list
}

// sameTail reports whether two numbers end alike: prefixes may have been taken off or added.
func sameTail(a, b string) bool {
	n := min(len(a), len(b), 9)
	return n >= fewestOut-1 && a[len(a)-n:] == b[len(b)-n:] || n >= fewestOut && a[len(a)-fewestOut+1:] == b[len(b)-fewestOut+1:]
}

// Trunks are accounts that calls leave the PBX through, as calls have shown. The zero value
// knows none. It is bounded: a PBX has few of them.
type Trunks struct{ names []string }

const maxTrunks = 200

// Learn notes that a call left through an account.
func (t *Trunks) Learn(account string) {
	if account != "" && !slices.Contains(t.names, account) && len(t.names) < maxTrunks {
		t.names = append(t.names, account)
	}
}

// Has reports whether calls have left through an account.
func (t *Trunks) Has(account string) bool { return slices.Contains(t.names, account) }
