package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// machineFaults are of the machine around Asterisk.
func machineFaults() []fault {
	return []fault{
		{name: "a rule that accepts before ours", check: "firewall-order", severity: "broken", says: "rule 1",
			plant: func(p *patient) error {
				return p.run("iptables", "-w", "5", "-t", "raw", "-I", "PREROUTING", "1", "-s", "203.0.113.0/24", "-j", "ACCEPT")
			},
			follow: commands,
			heal: func(p *patient) error {
				return p.run("iptables", "-w", "5", "-t", "raw", "-D", "PREROUTING", "-s", "203.0.113.0/24", "-j", "ACCEPT")
			}},
		{name: "FreePBX's firewall", check: "firewalls", severity: "note", says: "responsive firewall", standIn: "its files and its chain",
			plant: func(p *patient) error {
				return errors.Join(p.put("host-etc/freepbx.conf", ""), p.put("host-etc/asterisk/firewall.enabled", ""), p.run("iptables", "-w", "5", "-N", "fpbxfirewall"))
			},
			heal: func(p *patient) error {
				return errors.Join(p.take("host-etc/freepbx.conf"), p.take("host-etc/asterisk"), p.run("iptables", "-w", "5", "-X", "fpbxfirewall"))
			}},
		namesake("docker-proxy in front of SIP", "docker", "port 5060/udp", "docker-proxy", nil, "-proto", "udp", "-host-ip", "0.0.0.0", "-host-port", "5060"),
		namesake("fail2ban on the same logs", "fail2ban", "reads /var/log/asterisk/messages", "fail2ban-server", map[string]string{
			"host-etc/fail2ban/jail.conf":  "[DEFAULT]\nbackend = auto\n[asterisk]\nlogpath = /var/log/asterisk/messages\nfilter = asterisk\n",
			"host-etc/fail2ban/jail.local": "[asterisk]\nenabled = true\n",
		}),
		{name: "a full set of those who were heard", check: "room", severity: "risky", says: "pbxjail_sip",
			plant: func(p *patient) error { return p.fillHeard() },
			heal: func(p *patient) error {
				set, err := p.heardSet()
				return errors.Join(err, p.run("ipset", "flush", set))
			}},
		{name: "an SSH session that can be banned", check: "ssh", severity: "risky", says: "203.0.113.50", main: "group: nogroup\n", as: ordinary,
			follow: func(p *patient, one finding) error {
				if len(one.Fix) == 0 {
					return errors.New("there is no command")
				}
				_, err := p.guard.ctl(strings.Fields(one.Fix[0].Run)[1:]...)
				return err
			}},
		{name: "a disk that is nearly full", check: "disk", severity: "risky", says: "database", main: "database: $DIR/small/pbxjail.db\n",
			before: func(p *patient) error {
				return errors.Join(os.MkdirAll(p.guard.path("small"), 0o755), p.run("mount", "-t", "tmpfs", "-o", "size=64m", "none", p.guard.path("small")))
			},
			plant: func(p *patient) error {
				return p.run("dd", "if=/dev/zero", "of="+p.guard.path("small/filler"), "bs=1M", "count=61")
			},
			heal: func(p *patient) error { return p.run("umount", "-l", p.guard.path("small")) }},
	}
}

// namesake runs a process with the name of another program.
func namesake(name, check, says, program string, files map[string]string, args ...string) fault {
	var running *exec.Cmd
	return fault{name: name, check: check, severity: "risky", says: says, standIn: "a process of that name",
		plant: func(p *patient) error {
			err := p.put("bin/"+program, "#!/bin/sh\nread end\n")
			for file, text := range files {
				err = errors.Join(err, p.put(file, text))
			}
			if err = errors.Join(err, os.Chmod(p.guard.path("bin/"+program), 0o755)); err != nil {
				return err
			}
			running = exec.Command(p.guard.path("bin/"+program), args...)
			if _, err := running.StdinPipe(); err != nil {
				return err
			}
			return p.net.PBX.Start(running)
		},
		heal: func(p *patient) error {
			err := running.Process.Kill()
			running.Wait() // it was killed
			for file := range files {
				err = errors.Join(err, p.take(file))
			}
			return err
		}}
}

// put writes a file below the patient's folder, take removes it.
func (p *patient) put(name, text string) error {
	path := p.guard.path(name)
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644))
}

func (p *patient) take(name string) error { return os.RemoveAll(p.guard.path(name)) }

// commands runs the commands of a finding, in the namespace of the PBX.
func commands(p *patient, one finding) error {
	for _, step := range one.Fix {
		for command := range strings.SplitSeq(step.Run, " && ") {
			if words := strings.Fields(command); len(words) > 0 {
				if err := p.run(words[0], words[1:]...); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// fillHeard adds many senders to the set of those who sent SIP.
func (p *patient) fillHeard() error {
	set, err := p.heardSet()
	if err != nil {
		return err
	}
	var list bytes.Buffer
	for i := range 15_000 {
		fmt.Fprintf(&list, "add "+set+" 198.18.%d.%d timeout 300\n", i/250, 1+i%250)
	}
	cmd := exec.Command("ipset", "-exist", "restore")
	cmd.Stdin = &list
	_, err = p.net.PBX.Output(cmd)
	return err
}

// heardSet is the name of the set of those who sent SIP over IPv4.
func (p *patient) heardSet() (string, error) {
	out, err := p.net.PBX.Output(exec.Command("ipset", "list", "-n"))
	for _, name := range strings.Fields(string(out)) {
		if strings.HasPrefix(name, "pbxjail_sip") && !strings.HasSuffix(name, "6") {
			return name, err
		}
	}
	return "", errors.Join(err, fmt.Errorf("there is no such set: %s", out))
}

// daemonFaults are of pbxjail itself and of its configuration.
func daemonFaults() []fault {
	return []fault{
		{name: "a jail file with a mistake", check: "jails", severity: "broken", says: "maxrety",
			plant: func(p *patient) error { return p.put("jails/guessing.yaml", "maxrety: 3\n") }, heal: func(p *patient) error { return p.take("jails/guessing.yaml") }},
		{name: "a feed that cannot be fetched", check: "feeds", severity: "blind", says: "source: http://127.0.0.1:9/list", main: "feeds: [{name: bad, url: 'http://127.0.0.1:9/list'}]\n"},
		{name: "an old table, and a rule of countries", check: "geoip", severity: "risky", says: "pbxjail.yaml: geoip", main: "geoip: {block: [KP]}\n"},
		{name: "a full table of addresses", check: "room", severity: "risky", says: "of 1000 are used", main: "max_addresses: 1000\nwire: {enabled: false}\nheard: {enabled: false}\nday_one: false\n",
			standIn: "lines in the log", plant: func(p *patient) error { return p.append("messages", manyOffences(950)) }},
		{name: "it observes", check: "enforcing", severity: "broken", says: "packets pass", main: "observe: true\n"},
		{name: "it is switched off", check: "enforcing", severity: "broken", says: "switched off",
			plant: func(p *patient) error { _, err := p.guard.ctl("off"); return err }, heal: func(p *patient) error { _, err := p.guard.ctl("on"); return err }},
		{name: "it does not run", check: "daemon", severity: "broken", says: "no daemon answers",
			plant: func(p *patient) error { _, err := p.guard.stop(); return err }, heal: func(p *patient) error { return p.guard.start() }},
	}
}

// manyOffences are wrong passwords from as many addresses, as Asterisk logs them now.
func manyOffences(n int) string {
	var b strings.Builder
	now := time.Now().Format(time.DateTime)
	for i := range n {
		fmt.Fprintf(&b, "[%s] NOTICE[1638] chan_sip.c: Registration from '\"301\" <sip:301@pbx.example>' failed for '198.18.%d.%d:5071' - Wrong password\n", now, i/250, 1+i%250)
	}
	return b.String()
}
