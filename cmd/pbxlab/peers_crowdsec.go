package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"pbxjail/cmd/internal/lab"
)

// crowdsecRival is CrowdSec's agent and its bouncer, with the hub's parts for Asterisk.
type crowdsecRival struct {
	service
	root, bouncerRoot string
}

func (c *crowdsecRival) name() string { return "CrowdSec" }

// lines is one more than the capacity of its scenario.
func (c *crowdsecRival) lines() int { return 6 }

func (c *crowdsecRival) line(a netip.Addr, nth int) string { return securityLine(a, nth) }

// The agent and the bouncer talk over the lab's loopback.
const crowdsecConfig = `common: {daemonize: false, log_media: stdout, log_level: info, log_dir: %[1]s}
config_paths: {config_dir: %[1]s/, data_dir: %[1]s/data/, simulation_path: %[1]s/simulation.yaml, hub_dir: %[1]s/hub/, index_path: %[1]s/hub/.index.json, notification_dir: %[1]s/notifications/, plugin_dir: %[1]s/plugins/}
crowdsec_service: {acquisition_path: %[1]s/acquis.yaml, parser_routines: 1}
cscli: {output: human}
db_config: {log_level: info, type: sqlite, db_path: %[1]s/data/crowdsec.db, use_wal: true, flush: {max_items: 500000, max_age: 7d}}
api:
  client: {insecure_skip_verify: false, credentials_path: %[1]s/login.yaml}
  server: {log_level: error, listen_uri: 127.0.0.1:8080, profiles_path: %[2]s/etc/crowdsec/profiles.yaml, console_path: %[1]s/console.yaml}
prometheus: {enabled: true, level: full, listen_addr: 127.0.0.1, listen_port: 6060}
`

const bouncerConfig = `mode: nftables
pid_dir: %[1]s
update_frequency: 10s
daemonize: false
log_mode: stdout
log_level: info
api_url: http://127.0.0.1:8080/
api_key: bench
disable_ipv6: false
deny_action: DROP
deny_log: false
supported_decisions_types: [ban]
blacklists_ipv4: crowdsec-blacklists
blacklists_ipv6: crowdsec6-blacklists
nftables:
  ipv4: {enabled: true, set-only: false, table: crowdsec, chain: crowdsec-chain}
  ipv6: {enabled: true, set-only: false, table: crowdsec6, chain: crowdsec6-chain}
prometheus: {enabled: false, listen_addr: 127.0.0.1, listen_port: 60601}
`

// configure writes a configuration of its own, in which nothing is online.
func (c *crowdsecRival) configure() error {
	if _, err := os.Stat(c.path("config.yaml")); err == nil {
		return nil
	}
	for _, dir := range []string{"data", "hub", "notifications", "plugins", "parsers/s00-raw", "parsers/s01-parse", "parsers/s02-enrich", "scenarios"} {
		if err := os.MkdirAll(c.path(dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.Symlink(filepath.Join(c.root, "etc/crowdsec/patterns"), c.path("patterns")); err != nil {
		return err
	}
	hub := filepath.Join(c.root, "usr/share/crowdsec/hub")
	for to, from := range map[string]string{
		"hub/.index.json":                   ".index.json",
		"parsers/s00-raw/syslog-logs.yaml":  "parsers/s00-raw/crowdsecurity/syslog-logs.yaml",
		"parsers/s01-parse/asterisk.yaml":   "parsers/s01-parse/crowdsecurity/asterisk-logs.yaml",
		"parsers/s02-enrich/dateparse.yaml": "parsers/s02-enrich/crowdsecurity/dateparse-enrich.yaml",
		"scenarios/asterisk_bf.yaml":        "scenarios/crowdsecurity/asterisk_bf.yaml",
		"scenarios/asterisk_user_enum.yaml": "scenarios/crowdsecurity/asterisk_user_enum.yaml",
	} {
		text, err := os.ReadFile(filepath.Join(hub, from))
		if err == nil {
			err = os.WriteFile(c.path(to), text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"config.yaml":     fmt.Sprintf(crowdsecConfig, c.dir, c.root),
		"bouncer.yaml":    fmt.Sprintf(bouncerConfig, c.dir),
		"acquis.yaml":     fmt.Sprintf("filenames: [%s]\nlabels: {type: asterisk}\n", c.log()),
		"simulation.yaml": "simulation: false\n",
		"console.yaml":    "",
		"login.yaml":      "",
		"security":        "",
	} {
		if err := os.WriteFile(c.path(name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{"machines", "add", "bench", "--password", "bench", "-u", "http://127.0.0.1:8080", "-f", c.path("login.yaml"), "--force"},
		{"bouncers", "add", "fw", "-k", "bench"},
	} {
		cmd := c.command(c.root, "usr/bin/cscli", append([]string{"-c", c.path("config.yaml")}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("cscli %s: %w: %s", args[0], err, out)
		}
	}
	return nil
}

func (c *crowdsecRival) start(ctx context.Context) error {
	if err := c.configure(); err != nil {
		return err
	}
	os.Remove(c.path("agent"))
	os.Remove(c.path("bouncer"))
	if err := c.begin(c.command(c.root, crowdsec, "-c", c.path("config.yaml"), "-no-capi"), "agent"); err != nil {
		return err
	}
	if !until(ctx, benchTime, func() bool { return c.gone() || strings.Contains(c.said("agent"), "Starting processing data") }) || c.gone() {
		return fmt.Errorf("CrowdSec does not start; it prints:\n%s", c.said("agent"))
	}
	if err := c.begin(c.command(c.bouncerRoot, bouncer, "-c", c.path("bouncer.yaml")), "bouncer"); err != nil {
		return err
	}
	if !until(ctx, benchTime, func() bool { return c.gone() || strings.Contains(c.set(), "crowdsec-blacklists") }) || c.gone() {
		return fmt.Errorf("the bouncer does not start; it prints:\n%s", c.said("bouncer"))
	}
	return nil
}

// set lists the bouncer's set.
func (c *crowdsecRival) set() string {
	out, _ := c.net.PBX.Output(exec.Command("nft", "list", "set", "ip", "crowdsec", "crowdsec-blacklists"))
	return string(out)
}

func (c *crowdsecRival) count() int { return strings.Count(c.set(), "expires") }

func (c *crowdsecRival) members() map[netip.Addr]bool { return addressesIn(c.set()) }

// crowdsecReads lets the agent read a log that is there, and asks its metrics how many lines
// its parser understood. Its start is in the time. Some versions do not end by themselves
// when all is read.
func (o *peersBench) crowdsecReads(ctx context.Context, root, log string) (r ran, parsed int, err error) {
	dir, err := os.MkdirTemp(o.dir, "crowdsec-")
	if err != nil {
		return r, 0, err
	}
	c := &crowdsecRival{service: service{kit: o.kit, dir: dir}, root: root}
	if err := c.configure(); err != nil {
		return r, 0, err
	}
	leave, err := c.enter()
	if err != nil {
		return r, 0, err
	}
	defer func() { err = errors.Join(err, leave()) }()
	cmd := exec.Command("taskset", "-c", o.cpu, filepath.Join(root, crowdsec), "-c", c.path("config.yaml"), "-no-capi", "-dsn", "file://"+log, "-type", "asterisk")
	if o.cpu == "" {
		cmd = exec.Command(cmd.Args[3], cmd.Args[4:]...)
	}
	cmd.Env = o.env(root)
	begin := time.Now()
	if err := c.begin(cmd, "agent"); err != nil {
		return r, 0, err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	pid := cmd.Process.Pid
	for over := false; !over; <-tick.C {
		if ctx.Err() != nil || time.Since(begin) > benchTime {
			return r, 0, fmt.Errorf("CrowdSec does not end; it prints:\n%s", c.said("agent"))
		}
		over = c.gone() || strings.Contains(c.said("agent"), "crowdsec shutdown")
		if n := understood(c.net); n > 0 {
			parsed = n
		}
		_, most, _ := memory(pid)
		r.processor, r.peak = max(r.processor, processorOf(pid)), max(r.peak, most)
	}
	r.wall = time.Since(begin)
	cmd.Process.Kill()
	return r, parsed, nil
}

var understoodForm = regexp.MustCompile(`(?m)^cs_parser_hits_ok_total\{[^}]*\} ([0-9.e+]+)$`)

// understood asks the metrics of the agent in the lab.
func understood(n *lab.Net) (lines int) {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(_ context.Context, network, addr string) (conn net.Conn, err error) {
		err = n.PBX.Do(func() (err error) {
			conn, err = net.DialTimeout(network, addr, time.Second)
			return err
		})
		return conn, err
	}}}
	answer, err := client.Get("http://127.0.0.1:6060/metrics")
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	for _, m := range understoodForm.FindAllSubmatch(text, -1) {
		v, _ := strconv.ParseFloat(string(m[1]), 64)
		lines += int(v)
	}
	return lines
}
