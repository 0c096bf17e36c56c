package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/fail2ban"
	"pbxjail/configs/hint"
	"pbxjail/configs/prefix"
	"pbxjail/configs/show"
)

// client answers words by what the daemon says.
type client struct{ ask *control.Client }

// errWord is fail2ban's own answer to what it does not know.
var errWord = hint.New("known words: ping, version, status, get, set, unban, reload; see man pbxjail-fail2ban-client", "Invalid command")

func (c *client) answer(ctx context.Context, words []string) (string, error) {
	rest := words[1:]
	switch word := words[0]; {
	case word == "ping" && len(rest) == 0:
		if _, err := c.ask.Status(ctx); err != nil {
			return "", err
		}
		return "Server replied: pong", nil
	case word == "version" && len(rest) == 0:
		s, err := c.ask.Status(ctx)
		return s.Version, err
	case word == "status" && len(rest) <= 1:
		return c.status(ctx, rest)
	case word == "reload":
		_, err := c.ask.Reload(ctx)
		return "OK", err
	case word == "unban" && len(rest) > 0:
		return c.unban(ctx, rest)
	case word == "get" && len(rest) >= 2:
		return c.get(ctx, rest[0], rest[1], rest[2:])
	case word == "set" && len(rest) >= 3:
		return c.set(ctx, rest[0], rest[1], rest[2:])
	}
	return "", errWord
}

// ours are the jails of pbxjail behind a name of fail2ban, or nil: there is none.
func ours(s control.Status, name string) (jails []control.Jail) {
	wanted, _ := fail2ban.Ours(name)
	for _, j := range s.Jails {
		if j.Enabled && slices.Contains(wanted, j.Name) {
			jails = append(jails, j)
		}
	}
	return jails
}

func noJail(name string) error {
	return hint.New("to see all jails: fail2ban-client status", fmt.Sprintf("Sorry but the jail '%s' does not exist", show.Word(name, 64)))
}

// status lists the jails, or tells of one.
func (c *client) status(ctx context.Context, name []string) (string, error) {
	s, err := c.ask.Status(ctx)
	if err != nil {
		return "", err
	}
	if len(name) == 1 {
		return c.statusOf(ctx, s, name[0])
	}
	var names []string
	asteriskJails, _ := fail2ban.Ours("asterisk")
	for _, j := range s.Jails {
		if !j.Enabled {
			continue
		}
		name := j.Name
		if slices.Contains(asteriskJails, name) {
			name = "asterisk"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return fmt.Sprintf("Status\n|- Number of jail:\t%d\n`- Jail list:\t%s", len(names), strings.Join(names, ", ")), nil
}

func (c *client) statusOf(ctx context.Context, s control.Status, name string) (string, error) {
	jails := ours(s, name)
	if jails == nil {
		return "", noJail(name)
	}
	banned, err := c.banned(ctx, jails)
	if err != nil {
		return "", err
	}
	var logs []string
	tracked, events := 0, uint64(0)
	for _, j := range jails {
		tracked += j.Tracked
		events += j.Events
		for _, log := range j.Logs {
			if !slices.Contains(logs, log) {
				logs = append(logs, log)
			}
		}
	}
	return fmt.Sprintf("Status for the jail: %s\n"+
		"|- Filter\n|  |- Currently failed:\t%d\n|  |- Total failed:\t%d\n|  `- File list:\t%s\n"+
		"`- Actions\n   |- Currently banned:\t%d\n   |- Total banned:\t%d\n   `- Banned IP list:\t%s",
		name, tracked, events, strings.Join(logs, " "), len(banned), len(banned), strings.Join(addresses(banned), " ")), nil
}

// banned are the live bans of jails that drop something.
func (c *client) banned(ctx context.Context, jails []control.Jail) (list []control.Ban, err error) {
	err = c.ask.EachBan(ctx, control.BansRequest{}, func(b *control.Ban) error {
		if !b.Observed && slices.ContainsFunc(jails, func(j control.Jail) bool { return j.Name == b.Jail }) {
			list = append(list, *b)
		}
		return nil
	})
	return list, err
}

func addresses(bans []control.Ban) (list []string) {
	for _, b := range bans {
		list = append(list, show.Address(b.Prefix))
	}
	return list
}

func (c *client) get(ctx context.Context, name, what string, rest []string) (string, error) {
	s, err := c.ask.Status(ctx)
	if err != nil {
		return "", err
	}
	jails := ours(s, name)
	if jails == nil {
		return "", noJail(name)
	}
	first := jails[0]
	switch {
	case what == "maxretry" && len(rest) == 0:
		return strconv.FormatFloat(first.Maxretry, 'f', -1, 64), nil
	case what == "findtime" && len(rest) == 0:
		return fmt.Sprint(first.Findtime), nil
	case what == "bantime" && len(rest) == 0:
		if first.Bantime == 0 {
			return "-1", nil
		}
		return fmt.Sprint(first.Bantime), nil
	case what == "ignoreip" && len(rest) == 0:
		return c.ignored(ctx)
	case what == "banip" && len(rest) <= 1:
		banned, err := c.banned(ctx, jails)
		if err != nil || len(rest) == 1 && rest[0] == "--with-time" {
			return withTimes(banned), err
		}
		separator := " "
		if len(rest) == 1 {
			separator = rest[0]
		}
		return strings.Join(addresses(banned), separator), nil
	}
	return "", errWord
}

// withTimes writes each ban as fail2ban:server/banmanager.py getBanList does, in local time.
func withTimes(bans []control.Ban) string {
	const form = "2006-01-02 15:04:05"
	var lines []string
	for _, b := range bans {
		since, length, until := b.Since.Local(), "-1", "9999-12-31 23:59:59"
		if b.Until != nil {
			length = fmt.Sprint(int64(b.Until.Sub(b.Since).Seconds()))
			until = b.Until.Local().Format(form)
		}
		lines = append(lines, fmt.Sprintf("%s \t%s + %s = %s", show.Address(b.Prefix), since.Format(form), length, until))
	}
	return strings.Join(lines, "\n")
}

// ignored lists what an admin has excepted: ignoreip and jailctl allow.
func (c *client) ignored(ctx context.Context) (string, error) {
	allowed, err := control.Ask(ctx, c.ask, control.CallAllowed, control.None{})
	if err != nil {
		return "", err
	}
	protected, err := control.Ask(ctx, c.ask, control.CallProtected, control.ProtectedRequest{})
	if err != nil {
		return "", err
	}
	var list []string
	for _, p := range protected {
		if strings.HasPrefix(p.Why, "ignoreip ") {
			list = append(list, show.Address(p.Prefix))
		}
	}
	for _, a := range allowed {
		if !slices.Contains(list, a.What) {
			list = append(list, a.What)
		}
	}
	if len(list) == 0 {
		return "No IP address/network is ignored", nil
	}
	text := "These IP addresses/networks are ignored:\n"
	for _, one := range list[:len(list)-1] {
		text += "|- " + one + "\n"
	}
	return text + "`- " + list[len(list)-1], nil
}

func (c *client) set(ctx context.Context, name, what string, rest []string) (string, error) {
	s, err := c.ask.Status(ctx)
	if err != nil {
		return "", err
	}
	jails := ours(s, name)
	if jails == nil {
		return "", noJail(name)
	}
	switch what {
	case "banip":
		return c.ban(ctx, jails, rest)
	case "unbanip":
		rest = slices.DeleteFunc(slices.Clone(rest), func(word string) bool { return word == "--report-absent" })
		return c.unban(ctx, rest)
	case "addignoreip", "delignoreip":
		for _, word := range rest {
			if err := c.except(ctx, word, what == "addignoreip"); err != nil {
				return "", err
			}
		}
		return c.ignored(ctx)
	}
	return "", errWord
}

// ban counts the addresses that were not banned before.
func (c *client) ban(ctx context.Context, jails []control.Jail, words []string) (string, error) {
	before, err := c.banned(ctx, jails)
	if err != nil {
		return "", err
	}
	n := 0
	for _, word := range words {
		p, err := prefix.Parse(word)
		if err != nil {
			return "", hint.New("write an address or a network, such as 203.0.113.9 or 203.0.113.0/24", fmt.Sprintf("%q is not an address", word))
		}
		if slices.ContainsFunc(before, func(b control.Ban) bool { return b.Prefix == p }) {
			continue
		}
		if _, err := c.ask.Ban(ctx, control.BanRequest{Prefix: p, Jail: jails[0].Name}); err != nil {
			return "", err
		}
		n++
	}
	return strconv.Itoa(n), nil
}

// unban counts the bans that it lifted.
func (c *client) unban(ctx context.Context, words []string) (string, error) {
	if len(words) == 1 && words[0] == "--all" {
		n, err := c.ask.UnbanAll(ctx)
		return strconv.Itoa(n), err
	}
	n := 0
	for _, word := range words {
		p, err := prefix.Parse(word)
		if err != nil {
			return "", hint.New("write an address or a network, such as 203.0.113.9 or 203.0.113.0/24", fmt.Sprintf("%q is not an address", word))
		}
		lifted, err := c.ask.Unban(ctx, p)
		if err != nil {
			return "", err
		}
		if lifted {
			n++
		}
	}
	return strconv.Itoa(n), nil
}

// except makes or takes back an exception. A name is looked up by the daemon.
func (c *client) except(ctx context.Context, word string, add bool) error {
	if !add {
		what := word
		if p, err := prefix.Parse(word); err == nil {
			what = show.Address(p)
		}
		done, err := control.Ask(ctx, c.ask, control.CallDisallow, control.DisallowRequest{What: what})
		if err == nil && !done.Was {
			err = hint.New("to see which file has this entry: jailctl protected "+what+"; then remove the entry from that file, and run: jailctl reload", fmt.Sprintf("nothing was removed: %q is not in the list of jailctl allow. This command does not change ignoreip in files of pbxjail", word))
		}
		return err
	}
	req := control.AllowRequest{Note: "addignoreip"}
	var bad error
	if req.Prefix, bad = prefix.Parse(word); bad != nil {
		req.Prefix = netip.Prefix{}
		if req.Host, bad = control.HostName(word); bad != nil {
			return bad
		}
	}
	_, err := control.Ask(ctx, c.ask, control.CallAllow, req)
	return err
}
