package main

import (
	"context"

	"github.com/spf13/cobra"

	assetsync "assetsync/sync"
)

func (a *app) statusCommand() *cobra.Command {
	var exit bool
	cmd := &cobra.Command{
		Use:   "status [TARGET...]",
		Short: "Show what differs between here and the remote",
		Long: `Show for each target what a push would publish, what a pull would take,
conflicts and problems. Nothing is changed.`,
		Example: `  assetsync status
  assetsync status --exit-code    exits with 8 when something differs`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			s, err := a.open(ctx, sessionOptions{args: args})
			if err != nil {
				return err
			}
			results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result { return e.Status(ctx) })
			return s.finish(results, exit)
		},
	}
	cmd.Flags().BoolVar(&exit, "exit-code", false, "exit with 8 when something differs")
	return cmd
}
