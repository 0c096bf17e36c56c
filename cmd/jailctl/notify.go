package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
)

func (a *app) notifyVerb() *cobra.Command {
	page, _ := topic("messages") // jailctl help notify shows it, and the flags
	c := &cobra.Command{
		Use:   "notify",
		Short: "the channels that messages go to: mail, webhooks, chats, programs",
		Long:  page,
		Args:  takes(),
		RunE:  func(c *cobra.Command, _ []string) error { return a.notifyStatus(c.Context()) },
	}
	c.AddCommand(&cobra.Command{
		Use:   "status",
		Short: "how many messages wait, how many were sent, and why a channel fails",
		Args:  takes(),
		RunE:  func(c *cobra.Command, _ []string) error { return a.notifyStatus(c.Context()) },
	}, a.notifyTestVerb())
	return c
}

func (a *app) notifyStatus(ctx context.Context) error {
	list, err := control.Ask(ctx, a.client(), control.CallNotify, control.None{})
	if err != nil {
		return err
	}
	if a.json {
		return a.emit(list)
	}
	if len(list) == 0 {
		a.say("no channel for messages is configured, so pbxjail sends no messages, also not about a guessed password")
		a.say("   hint: to set up a channel: jailctl help notify")
		return nil
	}
	for _, c := range list {
		if c.Problem == "" {
			continue
		}
		a.say("problem: channel %s: %s", c.Name, c.Problem)
		a.say("   hint: %s", c.Hint)
	}
	t := a.newTable("CHANNEL", "TYPE", "LEAST", "WAITING", "SENT", "DROPPED", "LAST SENT", "NEXT TRY", "STATE", "TO")
	for _, c := range list {
		last := "never"
		if c.LastSent != nil {
			last = a.ago(*c.LastSent)
		}
		t.row(c.Name, c.Type, c.Least, number(c.Waiting), number(c.Sent), number(c.Dropped), last, a.nextTry(c), channelState(c), c.Target)
	}
	if err := t.end(); err != nil {
		return err
	}
	a.say("")
	a.say("LEAST: the lowest severity that the channel sends: info, warning or critical; WAITING: events that are not sent yet")
	a.say("SENT: messages since pbxjail started; DROPPED: events for which there was no room; the next message says how many")
	return nil
}

// nextTry is when the channel sends next.
func (a *app) nextTry(c control.Channel) string {
	if c.Next == nil {
		return "-"
	}
	if wait := c.Next.Sub(a.now()); wait >= time.Second {
		return "in " + show.Brief(wait)
	}
	return "now"
}

// channelState is one or two words: the problem itself is printed above.
func channelState(c control.Channel) string {
	switch {
	case c.Failures > 0:
		return "fails"
	case c.Problem != "":
		return "in part"
	case c.Sent == 0:
		return "not used yet"
	}
	return "good"
}

func (a *app) notifyTestVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "test [CHANNEL]",
		Short: "send a test message now, to one channel or to all",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return takes("CHANNEL")(c, args)
		},
		ValidArgsFunction: a.completeChannels,
		RunE: func(c *cobra.Command, args []string) error {
			done, err := control.Ask(c.Context(), a.client(), control.CallNotifyTry, control.NotifyTestRequest{Channel: strings.Join(args, "")})
			if err != nil {
				return err
			}
			return a.printNotifyTest(done)
		},
	}
}

func (a *app) printNotifyTest(done control.NotifyTestAnswer) error {
	failed := 0
	for _, r := range done.Results {
		if r.Problem != "" {
			failed++
		}
	}
	if a.json {
		if err := a.emit(done); err != nil {
			return err
		}
	} else {
		for _, r := range done.Results {
			if r.Problem == "" {
				a.say("%s (%s): sent to %s, in %d ms", r.Name, r.Type, r.Target, r.Milliseconds)
				continue
			}
			a.say("%s (%s): NOT sent to %s: %s", r.Name, r.Type, r.Target, r.Problem)
			a.say("   hint: %s", r.Hint)
		}
	}
	if failed > 0 {
		return control.Refuse(0, "do what the hint under each channel says, then repeat the command", "%d of %s failed", failed, show.Count(len(done.Results), "channel"))
	}
	return nil
}

// messagesLine is all channels in one line.
func messagesLine(list []control.Channel) string {
	var sent, dropped uint64
	waiting, fail := 0, 0
	for _, c := range list {
		sent, dropped, waiting = sent+c.Sent, dropped+c.Dropped, waiting+c.Waiting
		if c.Failures > 0 {
			fail++
		}
	}
	text := fmt.Sprintf("%s; %d sent, %s waiting", show.Count(len(list), "channel"), sent, show.Count(waiting, "event"))
	if dropped > 0 {
		text += fmt.Sprintf(", %d dropped", dropped)
	}
	if fail > 0 {
		text += fmt.Sprintf("; %d of them FAIL, to see why: jailctl notify status", fail)
	}
	return text
}

// completeChannels completes the name of a channel.
func (a *app) completeChannels(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(c.Context(), completionWait)
	defer cancel()
	var names []string
	list, _ := control.Ask(ctx, a.client(), control.CallNotify, control.None{}) // a shell has no place for an error
	for _, one := range list {
		if strings.HasPrefix(one.Name, begun) {
			names = append(names, one.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
