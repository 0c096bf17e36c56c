package fail2ban

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var timePart = regexp.MustCompile(`(?i)^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*`)

// units are those of fail2ban (jail.conf(5), TIME ABBREVIATION FORMAT).
var units = map[string]time.Duration{
	"": time.Second, "s": time.Second, "ss": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "mm": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hh": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": day, "dd": day, "day": day, "days": day,
	"w": 7 * day, "ww": 7 * day, "week": 7 * day, "weeks": 7 * day,
	"mo": 2629800 * time.Second, "mon": 2629800 * time.Second, "month": 2629800 * time.Second, "months": 2629800 * time.Second,
	"y": 31557600 * time.Second, "yy": 31557600 * time.Second, "year": 31557600 * time.Second, "years": 31557600 * time.Second,
}

const day = 24 * time.Hour

// longest is where a length is as good as none: 100 years.
const longest = 36525 * day

// Duration reads a length such as 600, 10m, "1d 12h" or -1, which has no end.
func Duration(text string) (d time.Duration, forever bool, err error) {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "-") {
		return 0, true, nil
	}
	if text == "" {
		return 0, false, fmt.Errorf("there is no value for a time")
	}
	for rest := text; rest != ""; {
		part := timePart.FindStringSubmatch(rest)
		unit, known := time.Duration(0), false
		if part != nil {
			unit, known = units[strings.ToLower(part[2])]
		}
		if !known {
			return 0, false, fmt.Errorf("%q is not a time such as 10m", text)
		}
		n, err := strconv.ParseFloat(part[1], 64)
		if err != nil || n > float64(longest/time.Second) {
			return 0, false, fmt.Errorf("%q is not a time such as 10m", text)
		}
		if d += time.Duration(n * float64(unit)); d > longest || d < 0 {
			return 0, true, nil
		}
		rest = rest[len(part[0]):]
	}
	return d, false, nil
}

// services are the names of services(5) that fail2ban's own jails use.
var services = map[string]string{
	"ssh": "22", "http": "80", "https": "443", "ftp": "21", "ftp-data": "20", "ftps": "990", "ftps-data": "989",
	"smtp": "25", "ssmtp": "465", "smtps": "465", "submission": "587", "submissions": "465", "pop3": "110", "pop3s": "995",
	"imap": "143", "imap2": "143", "imap3": "220", "imaps": "993", "sieve": "4190", "domain": "53", "telnet": "23", "socks": "1080",
	"sip": "5060", "sip-tls": "5061", "iax": "4569", "openvpn": "1194", "mysql": "3306", "ldap": "389", "ldaps": "636", "squid": "3128",
}

// Ports makes our list of fail2ban's port: names, numbers and ranges with a colon. all is
// true when it means every port, or when unknown names something that is not known here.
func Ports(text string) (list []string, all bool, unknown string) {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }) {
		word = strings.ToLower(word)
		if number, known := services[word]; known {
			word = number
		}
		if word == "all" {
			return nil, true, ""
		}
		first, last, isRange := strings.Cut(word, ":")
		if !isPort(first) || isRange && !isPort(last) {
			return nil, true, word
		}
		if isRange && (first == "0" || first == "1") && last == "65535" {
			return nil, true, ""
		}
		if isRange {
			word = first + "-" + last
		}
		list = append(list, word)
	}
	return list, len(list) == 0, ""
}

func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}
