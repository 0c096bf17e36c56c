package asterisk

import (
	"strings"
	"testing"
)

func TestHostOf(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "",
		"192.0.2.1":                             "192.0.2.1",
		" 192.0.2.1:5060 ":                      "192.0.2.1",
		"2001:db8::1":                           "2001:db8::1",
		"[2001:db8::1]":                         "2001:db8::1",
		"[2001:db8::1]:5060":                    "2001:db8::1",
		"[]":                                    "[",
		"[sip.example.net]:5060":                "[sip.example.net",
		"sip.example.net:5060":                  "sip.example.net",
		"sip:sip.example.net":                   "sip.example.net",
		"SIPS:sip.example.net:5061":             "sip.example.net",
		"sip:a@sip.example.net;transport=tcp":   "sip.example.net",
		"sip:a:b@c:d@192.0.2.1:5060?X=1":        "192.0.2.1",
		"\"A <b>\" <sip:a@sip.example.net:1>;q": "sip.example.net",
		"<sip:[2001:db8::1]:5060;lr>":           "2001:db8::1",
		"tls://sip.example.net:5061":            "sip.example.net",
		"@sip.example.net:5060/100~3600":        "sip.example.net",
		"sip:":                                  "",
		"sip:a@":                                "",
	} {
		if got := hostOf(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestHostName(t *testing.T) {
	long := strings.Repeat("a", 63)
	for text, want := range map[string]string{
		"sip.example.net":                "sip.example.net",
		"SIP.Example.NET.":               "sip.example.net",
		"trunk":                          "trunk",
		"my_trunk-1":                     "my_trunk-1",
		"3com.example":                   "3com.example",
		"1.2.3.com":                      "1.2.3.com",
		long + ".example":                long + ".example",
		long + "a.example":               "",
		strings.Repeat("a.", 126) + "a":  strings.Repeat("a.", 126) + "a", // 253
		strings.Repeat("a.", 126) + "ab": "",
		"":                               "",
		".":                              "",
		"a..b":                           "",
		"-a.example":                     "",
		"a-.example":                     "",
		"a b":                            "",
		"1.2.3":                          "",
		"300.1.1.1":                      "",
		"12345":                          "",
		"localhost":                      "",
		"Localhost.":                     "",
		"münchen.example":                "",
		"a\nb":                           "",
		"a.example\n":                    "",
		"$(touch x)":                     "",
	} {
		if got := hostName(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestParsePrefix(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1":               "192.0.2.1/32",
		"192.0.2.1:5060":          "192.0.2.1/32",
		"192.0.2.1/24":            "192.0.2.0/24",
		"192.0.2.1:5060/24":       "192.0.2.0/24",
		"192.0.2.1/255.255.255.0": "192.0.2.0/24",
		"192.0.2.1/0.0.0.0":       "0.0.0.0/0",
		"192.0.2.1/0":             "0.0.0.0/0",
		"192.0.2.1/32":            "192.0.2.1/32",
		"2001:db8::1":             "2001:db8::1/128",
		"2001:db8::1/48":          "2001:db8::/48",
		"[2001:db8::1]:5060/64":   "2001:db8::/64",
		"2001:db8::1/ffff:ffff::": "2001:db8::/32",
		"::ffff:192.0.2.1":        "192.0.2.1/32",
		"::ffff:192.0.2.1/24":     "192.0.2.0/24",
		"fe80::1%eth0":            "fe80::1/128",
		"::ffff:192.0.2.1/120":    "",
		"192.0.2.1/33":            "",
		"192.0.2.1/":              "",
		"192.0.2.1/24a":           "",
		"192.0.2.1/+24":           "192.0.2.0/24",
		"192.0.2.1/255.0.255.0":   "",
		"192.0.2.1/0.0.0.255":     "",
		"192.0.2.1/ffff::":        "",
		"2001:db8::1/255.255.0.0": "",
		"2001:db8::1/129":         "",
		"192.0.2.1/24/24":         "",
		"192.0.2/24":              "",
		"0192.0.2.1":              "",
		"sip.example.net/24":      "",
		"":                        "",
		"/24":                     "",
	} {
		p, err := parsePrefix(text)
		got := ""
		if err == nil {
			got = p.String()
		}
		if got != want {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}
