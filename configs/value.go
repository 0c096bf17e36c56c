package configs

import (
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
	"pbxjail/configs/prefix"
)

// Points are thousandths of one ordinary failure, the unit of parsers.Points:
// 1000 is one wrong password.
type Points int32

// maxPoints keeps sums of points far below the limit of an int32.
const maxPoints Points = 1_000_000

// isLeaf reports whether v is set from one word of text.
func isLeaf(v reflect.Value) bool {
	switch v.Interface().(type) {
	case string, bool, int, float64, time.Duration, Points, ASN, netip.Prefix, netip.Addr, PortRange, PortWord, TrapName, ports.Range, AgentRules, Size, Limit:
		return true
	}
	return false
}

// setLeaf sets v from the text of a file. Errors carry a hint.
func setLeaf(v reflect.Value, text string) (err error) {
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = text
	case *bool:
		*p, err = parseBool(text)
	case *int:
		*p, err = strconv.Atoi(text)
		// Only the plain form: YAML reads 010 as 8, and a reader as 10.
		if err != nil || strconv.Itoa(*p) != text {
			err = hint.New("write digits only, such as 200000", quote(text)+" is not a whole number")
		}
	case *float64:
		*p, err = strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(*p) || math.IsInf(*p, 0) {
			err = hint.New("write a number such as 2 or 1.5", quote(text)+" is not a number")
		}
	case *time.Duration:
		*p, err = ParseDuration(text)
	case *Points:
		*p, err = parsePoints(text)
	case *Size:
		*p, err = parseSize(text)
	case *Limit:
		*p, err = parseLimit(text)
	case *ASN:
		*p, err = parseASN(text)
	case *netip.Prefix:
		*p, err = parsePrefix(text)
	case *netip.Addr:
		if text != "" && text != "-" { // no address
			*p, err = parseAddr(text)
		}
	case *TrapName:
		*p = TrapName(text)
	case *PortWord:
		*p, err = parsePortWord(text)
	case *ports.Range:
		*p, err = parseSpan(text)
	case *PortRange:
		*p, err = parsePorts(text)
	case *AgentRules:
		*p, err = parseAgentRules(text)
	default:
		err = fmt.Errorf("no text sets a %s", v.Type())
	}
	return err
}

func parseBool(text string) (bool, error) {
	switch text {
	case "true", "True", "TRUE":
		return true, nil
	case "false", "False", "FALSE":
		return false, nil
	}
	return false, hint.New("write true or false", quote(text)+" is neither true nor false")
}

func parsePoints(text string) (Points, error) {
	bad := hint.New("write a number such as 5 or 2.5, above zero, with at most three decimals. One ordinary failure gives 1 point", quote(text)+" is not a number of points")
	whole, decimals, dotted := strings.Cut(text, ".")
	if dotted && (decimals == "" || len(decimals) > 3) {
		return 0, bad
	}
	n, err := strconv.ParseUint(whole+(decimals + "000")[:3], 10, 31)
	if err != nil || whole == "" || n == 0 {
		return 0, bad
	}
	if Points(n) > maxPoints {
		return 0, hint.New("write at most "+strconv.Itoa(int(maxPoints/1000)), quote(text)+" is too large: pbxjail cannot count so many points")
	}
	return Points(n), nil
}

// parsePrefix reads an address or a network in its shortest form: host bits are
// cleared, IPv4 written as IPv6 is IPv4.
func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := parseAddr(text); err == nil {
		return prefix.Of(addr), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, notAddress(text, "an address or a network", "198.51.100.7 or 198.51.100.0/24")
	}
	return prefix.Unmap(p), nil
}

func parseAddr(text string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}, notAddress(text, "an address", "198.51.100.7")
	}
	return addr.Unmap(), nil
}

func notAddress(text, wanted, example string) error {
	// A mistyped address has no letter after f.
	if strings.ContainsFunc(text, func(r rune) bool { return r|0x20 > 'f' && r|0x20 <= 'z' }) && !strings.ContainsAny(text, "/%:") {
		return hint.New("write the address of this host. Or, if you trust the DNS server of this name, write the name below ignore_hosts in the main file", quote(text)+" is a name, not "+wanted)
	}
	return hint.New("write "+example, quote(text)+" is not "+wanted)
}
