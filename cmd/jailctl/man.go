//go:build man

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"pbxjail/configs"
)

// manVerbs is the verb that writes the manual pages when packages are made. It has a
// build tag of its own, so that the shipped jailctl does not carry the converter.
func manVerbs() []*cobra.Command {
	return []*cobra.Command{{
		Use:    "man DIR",
		Short:  "write the manual pages",
		Hidden: true,
		Args:   takes("DIR"),
		RunE: func(c *cobra.Command, args []string) error {
			// The date is SOURCE_DATE_EPOCH, where that is set.
			if err := doc.GenManTree(c.Root(), &doc.GenManHeader{Section: "8", Source: "pbxjail", Manual: "pbxjail"}, args[0]); err != nil {
				return fmt.Errorf("write manual pages: %w", err)
			}
			mainFile, jailFile, _ := strings.Cut(configs.Reference(), "\n# /etc/pbxjail.d/")
			for name, text := range map[string]string{
				"pbxjail.yaml.5": literalPage("pbxjail.yaml", "main configuration file of pbxjail(8)", mainFile),
				"pbxjail.d.5":    literalPage("pbxjail.d", "jail files of pbxjail(8)", "# /etc/pbxjail.d/"+jailFile),
			} {
				if err := os.WriteFile(filepath.Join(args[0], name), []byte(text), 0o644); err != nil {
					return fmt.Errorf("write manual pages: %w", err)
				}
			}
			return nil
		},
	}}
}

// literalPage is a manual page of section 5 that shows a reference as a file has it.
func literalPage(name, what, text string) string {
	safe := strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %q 5 \"\" pbxjail pbxjail\n.SH NAME\n%s \\- %s\n.SH DESCRIPTION\n", strings.ToUpper(name), name, what)
	b.WriteString("The file is YAML. Every setting is listed below with its default and its meaning.\n.nf\n")
	for line := range strings.Lines(safe) {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			b.WriteString(`\&`)
		}
		b.WriteString(line)
	}
	b.WriteString(".fi\n.SH SEE ALSO\n.BR pbxjail (8),\n.BR jailctl (8)\n")
	return b.String()
}
