// Command pbxjail is the daemon that runs beside Asterisk. It reads flags, handles signals,
// and calls package daemon for all other work. It stays in the foreground and logs to
// stderr, for a service manager.
//
// Exit status: 0 it was stopped; 1 it could not start or continue; 2 wrong usage.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/daemon"
	"pbxjail/cmd/internal/notify"
	"pbxjail/configs"
	"pbxjail/configs/hint"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(startPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		own, _ := os.ReadFile("/proc/self/cgroup") // if it cannot be read there is no limit
		if limit := memoryLimit(string(own), "/sys/fs/cgroup"); limit > 0 {
			debug.SetMemoryLimit(limit)
		}
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// gcPercent saves memory, which the PBX needs. In a flood from a million sources it costs a
// few percent more processor time, and saves a quarter of the memory.
const gcPercent = 25

// startPercent is for the start: most that it takes is needed later, so the collector would
// find little each time. Not more: a large geoip file that is checked leaves as much garbage
// as nine times its size.
const startPercent = 100

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("pbxjail", flag.ContinueOnError)
	flags.SetOutput(stderr)
	config := flags.String("config", "", "main file (default "+configs.DefaultMain+", if it exists)")
	observe := flags.Bool("observe", false, "decide and record, but ban no address")
	flush := flags.Bool("flush", false, "remove all rules and sets of pbxjail from the kernel, and exit; while the daemon runs: jailctl off")
	version := flags.Bool("version", false, "print the version and exit")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil: // flags has printed the error and the usage
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "pbxjail: %q is not an option, and pbxjail takes only options\nhint: to see the options: pbxjail --help; to control the daemon: jailctl --help\n", flags.Arg(0))
		return 2
	case *version:
		fmt.Fprintln(stdout, "pbxjail", control.Release())
		return 0
	}
	if *flush {
		return flushed(*config, stdout, stderr)
	}
	if start(*config, *observe, stderr) != nil { // start has printed the error
		return 1
	}
	return 0
}

// flushed is --flush.
func flushed(config string, stdout, stderr io.Writer) int {
	main, err := configs.LoadMain(cmp.Or(config, configs.DefaultMain), config != "")
	if err == nil {
		err = daemon.Flush(main)
	}
	if err != nil {
		complain(stderr, config, err)
		return 1
	}
	fmt.Fprintln(stdout, "all rules and sets of pbxjail are removed from the firewall, so pbxjail drops nothing. The bans are still in "+main.Database+"; the next start of pbxjail puts them back into the firewall")
	return 0
}

// start reads the main file, and runs the daemon until it is stopped. A separate goroutine
// writes the log: a slow reader of the log delays neither a ban nor the exit.
func start(config string, observe bool, stderr io.Writer) (err error) {
	file, err := configs.LoadMain(cmp.Or(config, configs.DefaultMain), config != "")
	if err != nil {
		complain(stderr, config, err)
		return err
	}
	level := new(slog.LevelVar)
	direct := newLog(stderr, level, file.LogFormat, config)
	lines := notify.NewWriter(stderr, func(n uint64) {
		direct.Warn("lines of pbxjail's own log are lost, because the program that reads them is too slow", "lines", n, "hint", "bans are not affected; that program is usually journald: systemctl status systemd-journald")
	})
	written := make(chan struct{})
	ctx, stop := context.WithCancel(context.Background())
	go func() { defer close(written); lines.Run(ctx) }()
	defer func() {
		if err != nil {
			complain(lines, config, err)
		}
		stop()
		select {
		case <-written:
		case <-time.After(lastWords):
		}
	}()
	watchdog, _ := sd.SdWatchdogEnabled(false) // 0 if the service manager wants none, or sent an invalid value
	log := newLog(lines, level, file.LogFormat, config)
	d, err := daemon.New(daemon.Options{
		Config: config, Main: file, Observe: observe, Level: level, Log: log, Lost: lines.Lost, Watchdog: watchdog,
		MaxAddresses: addressesIn(debug.SetMemoryLimit(-1)),            // from the limit of the cgroup, or GOMEMLIMIT
		Notify:       func(state string) { sd.SdNotify(false, state) }, // does nothing without a service manager
	})
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	return serve(d, log, direct)
}

// complain prints why the daemon ended. config is what was given as main file, or "".
func complain(w io.Writer, config string, err error) {
	text := fmt.Sprintf("pbxjail: %v\n", err)
	if do := hint.Of(err); do != "" {
		text += fmt.Sprintf("hint: %s\n", do)
	}
	io.WriteString(w, hint.Named(text, cmp.Or(config, configs.DefaultMain)))
}

// serve runs until SIGTERM or SIGINT, and then ends within two seconds; SIGHUP reloads.
func serve(d *daemon.Daemon, log, direct *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	over := make(chan struct{})
	defer close(over)
	last := &lastResort{left: d.Left, log: direct, exit: os.Exit}
	go last.wait(ctx.Done(), over)
	hups := make(chan os.Signal, 1)
	signal.Notify(hups, syscall.SIGHUP)
	defer signal.Stop(hups)
	reload := make(chan struct{})
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hups:
			}
			select {
			case <-ctx.Done():
				return
			case reload <- struct{}{}:
			}
		}
	}()
	err := d.Run(ctx, reload)
	if err != nil {
		last.status.Store(1)
	}
	stop() // Close may wait too long, after a failure as well
	if closed := d.Close(); closed != nil {
		log.Warn("pbxjail stopped, but could not close or delete all of its files. Bans stay in force", "err", closed, "hint", "nothing to do: the next start of pbxjail cleans up")
	}
	return err
}

// leaveOutEmpty drops an err or a hint that has nothing to say.
func leaveOutEmpty(groups []string, a slog.Attr) slog.Attr {
	if empty := a.Value.Any() == nil || a.Value.Equal(slog.StringValue("")); empty && len(groups) == 0 && (a.Key == "err" || a.Key == "hint") {
		return slog.Attr{}
	}
	return a
}

// named puts the path of the main file into a message, an error or a hint, and an error into
// one line.
func named(a slog.Attr, path string) slog.Attr {
	text := ""
	switch v := a.Value.Any().(type) {
	case string:
		text = v
	case error:
		text = hint.Line(v.Error())
		a.Value = slog.StringValue(text)
	}
	if strings.Contains(text, hint.MainFile) {
		return slog.String(a.Key, hint.Named(text, path))
	}
	return a
}

// newLog makes a logger with the format of the main file, which is config.
func newLog(w io.Writer, level *slog.LevelVar, format, config string) *slog.Logger {
	path := cmp.Or(config, configs.DefaultMain)
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.MessageKey || a.Key == "err" || a.Key == "hint" {
			a = named(a, path)
		}
		return leaveOutEmpty(groups, a)
	}}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
