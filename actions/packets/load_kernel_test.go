package packets

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netns"
)

// inNamespace moves the test's thread into a network namespace of its own.
func inNamespace(t *testing.T) {
	t.Helper()
	missing := ""
	if os.Geteuid() != 0 {
		missing = "root"
	}
	for _, tool := range []string{"iptables", "ip6tables", "iptables-restore", "ip6tables-restore", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing = tool
		}
	}
	if missing != "" && os.Getenv("PBXJAIL_KERNEL") == "1" {
		t.Fatalf("kernel tests need %s", missing)
	} else if missing != "" {
		t.Skipf("kernel tests need %s", missing)
	}
	runtime.LockOSThread()
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
}

// run runs a program with text on its standard input.
func run(t *testing.T, text, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s\nof\n%s", name, strings.Join(args, " "), err, out, text)
	}
	return string(out)
}

// TestFormatsLoad loads each printed format with the program that it is for.
func TestFormatsLoad(t *testing.T) {
	inNamespace(t)
	for _, c := range sheets() {
		text, err := c.sheet.Format(c.format)
		if err != nil {
			t.Fatal(err)
		}
		tool := map[int]string{4: "iptables", 6: "ip6tables"}[c.sheet.Family]
		switch c.format {
		case "iptables-restore":
			run(t, text, tool+"-restore", "--noflush", "--test")
			run(t, text, tool+"-restore", "--noflush")
			rules, err := Compile(c.sheet.Plan)
			if err != nil {
				t.Fatal(err)
			}
			table, _ := c.sheet.table()
			want := len(rules)/2 + len(listRules(c.sheet.Lists, c.sheet.Family))
			if got := strings.Count(run(t, "", tool, "-t", table, "-S", c.sheet.Chain), "\n-A "); got != want {
				t.Errorf("%s: got %d rules in the kernel, want %d", c.name, got, want)
			}
			run(t, text, tool+"-restore", "--noflush") // twice is no error
			run(t, "", tool, "-t", table, "-F")
			run(t, "", tool, "-t", table, "-X")
		case "iptables":
			for line := range strings.Lines(text) {
				if words := shellWords(t, strings.TrimSpace(line)); words[0] != "#" {
					run(t, "", words[0], words[1:]...)
				}
			}
			for _, tool := range []string{"iptables", "ip6tables"} {
				table, _ := c.sheet.table()
				run(t, "", tool, "-t", table, "-F")
				run(t, "", tool, "-t", table, "-X")
			}
		case "freepbx":
			run(t, "*filter\n:fpbxreject - [0:0]\n"+text+"COMMIT\n", tool+"-restore", "--test")
			// The way FreePBX takes, too; both make the same rules.
			run(t, "*filter\n:fpbxreject - [0:0]\n"+text+"COMMIT\n", tool+"-restore")
			want := run(t, "", tool, "-S", "fpbxreject")
			run(t, "", tool, "-F", "fpbxreject")
			for line := range strings.Lines(text) {
				if !strings.HasPrefix(line, "#") {
					run(t, "", tool, shellWords(t, escapeShellCmd(strings.TrimSpace(line)))...)
				}
			}
			if got := run(t, "", tool, "-S", "fpbxreject"); got != want || !strings.Contains(got, "-j DROP") {
				t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, want)
			}
			run(t, "", tool, "-F")
			run(t, "", tool, "-X")
		case "nft":
			run(t, text, "nft", "-c", "-f", "-")
			run(t, text, "nft", "-f", "-")
			run(t, text, "nft", "-f", "-") // in place of itself
			run(t, "", "nft", "delete", "table", "inet", strings.ReplaceAll(c.sheet.Chain, "-", "_"))
		}
	}
}
