package audittest

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pbxjail/cmd/internal/audit"
)

// Listen lets programs of the machine listen: "tcp 0.0.0.0:443 apache2" each. It writes /proc
// as the kernel does, in place of what an earlier call wrote.
func Listen(t testing.TB, m *audit.Machine, sockets ...string) {
	t.Helper()
	tables := map[string]string{}
	for _, file := range []string{"tcp", "tcp6", "udp", "udp6"} {
		tables[file] = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	}
	for i, text := range sockets {
		words := strings.Fields(text)
		at, err := netip.ParseAddrPort(words[1])
		if err != nil {
			t.Fatal(err)
		}
		raw, state, file := at.Addr().AsSlice(), map[string]string{"tcp": "0A", "udp": "07"}[words[0]], words[0]
		if at.Addr().Is6() {
			file += "6"
		}
		for k := 0; k < len(raw); k += 4 {
			slices.Reverse(raw[k : k+4])
		}
		inode := 1000 + i
		address := strings.ToUpper(hex.EncodeToString(raw))
		tables[file] += fmt.Sprintf("%4d: %s:%04X %s:0000 %s 00000000:00000000 00:00000000 00000000     0        0 %d 1\n", i, address, at.Port(), strings.Repeat("0", len(address)), state, inode)
		if len(words) > 2 {
			Write(t, m, fmt.Sprintf("/proc/%d/comm", inode), words[2]+"\n")
			Write(t, m, fmt.Sprintf("/proc/%d/fd/3", inode), fmt.Sprintf("-> socket:[%d]", inode))
		}
	}
	for file, text := range tables {
		Write(t, m, "/proc/net/"+file, text)
	}
}
