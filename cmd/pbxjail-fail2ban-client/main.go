// Command pbxjail-fail2ban-client answers the words of fail2ban-client that the web
// interfaces of PBXs and common scripts use, in the same form and with the same exit status.
// It asks the pbxjail daemon over its control socket and decides nothing itself. It must
// never answer a word that it does not know as if it were done.
//
// Words: ping, version, status [JAIL], get JAIL ignoreip|banip|bantime|findtime|maxretry,
// set JAIL banip|unbanip|addignoreip|delignoreip, unban ADDRESS...|--all, reload [JAIL].
// Forms: fail2ban:client/beautifier.py and fail2ban-client(1), of fail2ban 1.0.2.
//
// Exit status: 0 done; 255 not done, and the output says why.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/hint"
)

const exitFailed = 255

func main() {
	socket := os.Getenv("PBXJAIL_SOCKET")
	if socket == "" {
		socket = control.DefaultPath
	}
	os.Exit(run(context.Background(), os.Args[1:], control.NewClient(socket), os.Stdout, os.Stderr))
}

// run answers one call.
func run(ctx context.Context, args []string, ask *control.Client, stdout, stderr io.Writer) int {
	words := withoutOptions(args)
	if len(words) == 0 || slices.Contains(args, "--version") || slices.Contains(args, "-V") {
		fmt.Fprintf(stdout, "pbxjail %s, which answers in place of Fail2Ban\n", control.Release())
		return 0
	}
	text, err := (&client{ask}).answer(ctx, words)
	if err != nil {
		fmt.Fprintln(stdout, err) // fail2ban-client says it on both
		fmt.Fprintln(stderr, "ERROR", err)
		if do := hint.Of(err); do != "" {
			fmt.Fprintln(stderr, "hint:", do)
		}
		return exitFailed
	}
	fmt.Fprintln(stdout, text)
	return 0
}

// withoutOptions leaves out the options before the first word. -c, -s, -p and their like have
// a value, which means nothing here.
func withoutOptions(args []string) []string {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-c", "-s", "-p", "--pidfile", "--conf", "--socket", "--logtarget", "--loglevel", "--syslogsocket", "--timeout":
			args = args[min(2, len(args)):]
		default:
			args = args[1:]
		}
	}
	return args
}
