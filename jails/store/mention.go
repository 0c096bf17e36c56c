package store

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"pbxjail/configs/prefix"
)

// Target is whose data is erased: an address or the addresses of a network, or an account.
type Target struct {
	Prefix  netip.Prefix // invalid: an account
	Account string       // byte for byte; "": an address
}

// erased is written in place of an address or an account.
const erased = "(erased)"

// is reports whether an address is meant.
func (t *Target) is(a netip.Addr) bool {
	return t.Prefix.IsValid() && t.Prefix.Contains(prefix.Addr(a))
}

// holds reports whether a prefix is in what is meant.
func (t *Target) holds(p netip.Prefix) bool {
	p = prefix.Unmap(p)
	return t.Prefix.IsValid() && t.Prefix.Bits() <= p.Bits() && t.Prefix.Contains(p.Addr())
}

// named reports whether an account is meant.
func (t *Target) named(account []byte) bool { return t.Account != "" && t.Account == string(account) }

// Meant reports whether something is about what is meant: its prefix is in it, or one of its
// texts names it.
func (t *Target) Meant(p netip.Prefix, texts ...string) bool {
	return p.IsValid() && t.holds(p) || slices.ContainsFunc(texts, func(text string) bool { return t.mentioned([]byte(text)) })
}

// mentioned reports whether a text names what is meant.
func (t *Target) mentioned(text []byte) bool { return t.replace(text, func(int, int) {}) }

// without is a text with erased in place of what is meant.
func (t *Target) without(text string) string {
	var b strings.Builder
	done := 0
	t.replace([]byte(text), func(from, to int) {
		b.WriteString(text[done:from])
		b.WriteString(erased)
		done = to
	})
	b.WriteString(text[done:])
	return b.String()
}

// replace calls found with each place of a text that names what is meant, and reports
// whether there is one.
func (t *Target) replace(text []byte, found func(from, to int)) (any bool) {
	if t.Account != "" {
		for at := 0; ; {
			i := bytes.Index(text[at:], []byte(t.Account))
			if i < 0 {
				return any
			}
			from, to := at+i, at+i+len(t.Account)
			at = to
			if (from == 0 || !isNameByte(text[from-1])) && (to == len(text) || !isNameByte(text[to])) {
				any = true
				found(from, to)
			}
		}
	}
	addressesIn(text, func(from, to int, a netip.Addr) {
		if t.is(a) {
			any = true
			found(from, to)
		}
	})
	return any
}

// addressesIn calls found with each address of a text, in any of its spellings.
func addressesIn(text []byte, found func(from, to int, a netip.Addr)) {
	for at := 0; at < len(text); {
		if !isAddressByte(text[at]) {
			at++
			continue
		}
		end := at
		for end < len(text) && isAddressByte(text[end]) {
			end++
		}
		inWord(text, at, end, found)
		at = end
	}
}

// inWord finds an address in a word of hexadecimal digits, dots and colons: it may have a
// port behind it, or the end of a sentence.
func inWord(text []byte, from, to int, found func(from, to int, a netip.Addr)) {
	for from < to && text[from] == '.' {
		from++
	}
	for to > from && text[to-1] == '.' {
		to--
	}
	word := string(text[from:to])
	if a, err := netip.ParseAddr(word); err == nil {
		found(from, to, a)
		return
	}
	if trimmed := strings.TrimRight(word, ":"); trimmed != word {
		if a, err := netip.ParseAddr(trimmed); err == nil {
			found(from, from+len(trimmed), a)
			return
		}
	}
	for part := range strings.SplitSeq(word, ":") { // IPv4 with a port
		if a, err := netip.ParseAddr(part); err == nil {
			found(from, from+len(part), a)
		}
		from += len(part) + 1
	}
}

// shortened is a text with the /24 or /48 in place of each address.
func shortened(text string) string {
	var b strings.Builder
	done := 0
	addressesIn([]byte(text), func(from, to int, a netip.Addr) {
		bits := short6
		if a = prefix.Addr(a); a.Is4() {
			bits = short4
		}
		if digits, ok := strings.CutPrefix(text[to:], "/"); ok { // a network
			n := 0
			for n < len(digits) && digits[n] >= '0' && digits[n] <= '9' {
				n++
			}
			own, err := strconv.Atoi(digits[:n])
			if err == nil && own <= bits {
				return
			}
			if err == nil {
				to += 1 + n
			}
		}
		p, err := a.Prefix(bits)
		if err != nil {
			return
		}
		b.WriteString(text[done:from] + p.String())
		done = to
	})
	return b.String() + text[done:]
}

// Lengths of shortened addresses.
const (
	short4 = 24
	short6 = 48
)

func isAddressByte(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == ':' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func isNameByte(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= 0x80
}
