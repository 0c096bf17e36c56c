package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"pbxjail/cmd/internal/lab"
)

// cell is one setting of what pbxjail can see: which logs Asterisk writes, and
// whether pbxjail reads packets too.
type cell struct {
	logs string // "all", "security+messages", "messages", "none", or "ami": no log, and the manager interface
	wire bool
	more string // lines of pbxjail's main file
}

// cells are the settings that `pbxlab e2e-wire` compares: each witness alone, then both.
var cells = []cell{
	{logs: "ami"}, {logs: "messages"}, {logs: "all"}, {logs: "none", wire: true}, {logs: "messages", wire: true}, {logs: "all", wire: true},
}

// shipped is the logger.conf that Asterisk ships, reduced to its messages log.
const shipped = "[general]\n[logfiles]\nmessages => notice,warning,error\n"

// noLogs is a logger.conf of an Asterisk that writes no log.
const noLogs = "[general]\n[logfiles]\n"

// both is a logger.conf as the README asks for it: notices and security events.
const both = shipped + "security => security\n"

// files are the logs that exist in this setting.
func (c cell) files() []string {
	switch c.logs {
	case "none", "ami":
		return nil
	case "messages":
		return []string{"messages"}
	case "security+messages":
		return []string{"messages", "security"}
	}
	return realLogs
}

// asterisk are the files that Asterisk needs for this setting.
func (c cell) asterisk() map[string]string {
	switch c.logs {
	case "none":
		return map[string]string{"logger.conf": noLogs}
	case "ami":
		return map[string]string{"logger.conf": noLogs, "manager-more.conf": lab.GuardManager}
	case "messages":
		return map[string]string{"logger.conf": shipped}
	case "security+messages":
		return map[string]string{"logger.conf": both}
	}
	return nil
}

// configure tells pbxjail of this setting.
func (c cell) configure(g *guard) error {
	if c.logs != "all" { // the dialplan writes its log all the same
		off := []byte("enabled: false\n")
		if err := os.WriteFile(filepath.Join(g.path("jails"), "sipsec.yaml"), off, 0o644); err != nil {
			return err
		}
	}
	// Asterisk's own files would protect the network of the honest. Without them its ports
	// are those of its sockets.
	more := fmt.Sprintf("asterisk: %q\n", g.path("nowhere")) + c.more
	if c.logs == "ami" {
		secret := g.path("ami.secret")
		if err := os.WriteFile(secret, []byte(lab.GuardSecret), 0o600); err != nil {
			return err
		}
		more += fmt.Sprintf("ami: {user: pbxjail, secret_file: %q}\nheard: {enabled: false}\n", secret)
	}
	if !c.wire {
		more += "wire: {enabled: false}\n"
	}
	return g.configure(more)
}

// patience is how long a drop may take after the last attempt: a challenge counts as
// unanswered after 32 seconds (RFC 3261 17.1.1.2, timer B).
func (c cell) patience() time.Duration {
	if c.wire {
		return 40 * time.Second
	}
	return 5 * time.Second
}

func (c cell) String() string {
	if c.wire && c.logs == "none" {
		return "packets"
	}
	if c.wire {
		return c.logs + "+packets"
	}
	return c.logs
}

// parseCell reads what String prints.
func parseCell(text string) (cell, error) {
	var names []string
	for _, c := range cells {
		if c.String() == text {
			return c, nil
		}
		names = append(names, c.String())
	}
	return cell{}, fmt.Errorf("unknown cell %q: use one of %s", text, strings.Join(names, ", "))
}
