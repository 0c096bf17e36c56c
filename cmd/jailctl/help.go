package main

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// pages are the help topics: one text file each. Its first line says what it is about. A
// test of package e2e runs the commands in them.
//
//go:embed help/*.txt
var pages embed.FS

// topics are the names of the pages, sorted, each with what it is about.
func topics() (list [][2]string) {
	entries, _ := pages.ReadDir("help") // it is in the program
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".txt")
		text, _ := topic(name)
		about, _, _ := strings.Cut(text, "\n")
		list = append(list, [2]string{name, about})
	}
	return list
}

func topic(name string) (text string, ok bool) {
	page, err := pages.ReadFile("help/" + name + ".txt")
	return string(page), err == nil
}

// helpVerb is cobra's, with the topics beside the verbs. An unknown name is wrong usage.
func (a *app) helpVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB|TOPIC]",
		Short: "print the help of a verb, or a page about a task; to list the pages: jailctl help topics",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				if args[0] == "topics" {
					return a.printTopics()
				}
				if page, ok := topic(args[0]); ok {
					_, err := fmt.Fprint(a.stdout, page)
					return err
				}
			}
			verb, _, err := c.Root().Find(args)
			if err != nil || verb == c.Root() && len(args) > 0 {
				return noTopic(c, args)
			}
			if verb != c.Root() {
				return verb.Help()
			}
			if err := verb.Help(); err != nil {
				return err
			}
			a.say("")
			a.say("Pages about tasks:")
			return a.printTopics()
		},
	}
}

func (a *app) printTopics() error {
	for _, t := range topics() {
		a.say("  %-16s %s", t[0], t[1])
	}
	a.say("Print one with: jailctl help TOPIC")
	return nil
}

// noTopic suggests a page or a verb with a name like the one that was asked for.
func noTopic(c *cobra.Command, args []string) error {
	for _, t := range topics() {
		if strings.HasPrefix(t[0], args[0]) || slices.Contains(strings.Split(t[0], "-"), args[0]) {
			return usage("did you mean jailctl help "+t[0]+"?", "unknown verb or topic %q", args[0])
		}
	}
	return noVerb(c.Root(), args)
}
