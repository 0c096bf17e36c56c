package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"pbxjail/cmd/internal/lab"
)

// e2eFault begins the faults of guards that are set beside a real Asterisk.
const e2eFault = "e2e: "

var ipv4 = regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b`)

// e2eDaemon bans no address, or each that is in a log more than three times.
func e2eDaemon(fault string) error {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	for _, argv := range [][]string{
		{"ipset", "create", "fake", "hash:ip"},
		{"iptables", "-t", "raw", "-A", "PREROUTING", "-m", "set", "--match-set", "fake", "src", "-j", "DROP"},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", argv, err, out)
		}
	}
	tick := time.NewTicker(100 * time.Millisecond)
	banned := map[string]bool{}
	for {
		select {
		case <-end:
			return nil
		case <-tick.C:
		}
		if fault != e2eFault+"naive" {
			continue
		}
		seen := map[string]int{}
		for _, name := range realLogs {
			text, _ := os.ReadFile(filepath.Join(asteriskLogs, name))
			for _, addr := range ipv4.FindAllString(string(text), -1) {
				if seen[addr]++; seen[addr] > 3 && !banned[addr] {
					banned[addr] = exec.Command("ipset", "add", "fake", addr).Run() == nil
				}
			}
		}
	}
}

// e2eCtl asks the kernel.
func e2eCtl(args []string) error {
	switch strings.Join(args[:2], " ") {
	case "status --json":
		var files []string
		for _, name := range realLogs {
			files = append(files, fmt.Sprintf("{%q:%q}", "path", filepath.Join(asteriskLogs, name)))
		}
		fmt.Printf("{\"files\":[%s]}\n", strings.Join(files, ","))
	case "list --json":
		out, err := exec.Command("ipset", "save").Output()
		if err != nil {
			return err
		}
		bans := []ban{}
		for _, addr := range ipv4.FindAllString(string(out), -1) {
			bans = append(bans, ban{Prefix: netip.MustParsePrefix(addr + "/32"), Jail: "fake", Reason: "named in a log"})
		}
		return json.NewEncoder(os.Stdout).Encode(bans)
	}
	return nil
}

// TestVerdictTellsGoodFromBad sets bad guards beside a real Asterisk. What a good
// one does is shown by `make e2e`.
func TestVerdictTellsGoodFromBad(t *testing.T) {
	if os.Getenv("PBXJAIL_E2E") != "1" {
		t.Skip("PBXJAIL_E2E=1 builds and attacks a real Asterisk, which takes minutes")
	}
	lab.ForTest(t, "iptables", "ipset") // says what is missing
	bin := programs(t)
	for _, c := range []struct {
		fault   string
		printed []string
	}{
		{"naive", []string{"203.0.113.200 is banned, and did nothing", "192.0.2.10 is banned, and did nothing", "WRONG: banned"}},
		{"idle", []string{"WRONG: not dropped after"}},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Setenv(faultEnv, e2eFault+c.fault)
			t.Setenv("TMPDIR", t.TempDir())
			var out bytes.Buffer
			o := e2eOptions{
				pbxjail: filepath.Join(bin, "pbxjail"), jailctl: filepath.Join(bin, "jailctl"),
				dir: os.Getenv("PBXJAIL_E2E_DIR"), versions: []string{"22"}, callers: []bool{true},
			}
			err := e2e(t.Context(), &out, o)
			if err == nil || !strings.Contains(err.Error(), "see WRONG above") {
				t.Errorf("got error %v, want one that counts what is wrong", err)
			}
			for _, printed := range c.printed {
				if !strings.Contains(out.String(), printed) {
					t.Errorf("the report lacks %q", printed)
				}
			}
			if t.Failed() {
				t.Log(out.String())
			}
			if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
