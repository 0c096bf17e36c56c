package survey

import (
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// mostSSH bounds what is read of sshd's files: files, and ports.
const mostSSH = 32

// sshPorts reads Port and ListenAddress in sshd_config(5) and the files that Debian and
// Red Hat include.
func sshPorts(root fs.FS) (list []uint16) {
	files, _ := fs.Glob(root, "etc/ssh/sshd_config.d/*.conf") // the pattern is right
	for _, file := range append(files[:min(len(files), mostSSH)], "etc/ssh/sshd_config") {
		info, err := fs.Stat(root, file)
		if err != nil || !info.Mode().IsRegular() || info.Size() > 1<<20 {
			continue
		}
		text, err := fs.ReadFile(root, file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			port, ok := sshPort(line)
			if ok && len(list) < mostSSH && !slices.Contains(list, port) {
				list = append(list, port)
			}
		}
	}
	slices.Sort(list)
	return list
}

// sshPort reads "Port 2222" and "ListenAddress 192.0.2.1:2222". Keywords ignore case.
func sshPort(line string) (uint16, bool) {
	words := strings.Fields(strings.Replace(line, "=", " ", 1))
	if len(words) < 2 {
		return 0, false
	}
	number := words[1]
	switch strings.ToLower(words[0]) {
	case "port":
	case "listenaddress":
		host, port, found := strings.Cut(number, "]:")
		if !found {
			host, port, found = strings.Cut(number, ":")
		}
		if !found || strings.Contains(port, ":") || host == "" { // IPv6 without brackets has no port
			return 0, false
		}
		number = port
	default:
		return 0, false
	}
	n, err := strconv.ParseUint(number, 10, 16)
	return uint16(n), err == nil && n > 0
}
