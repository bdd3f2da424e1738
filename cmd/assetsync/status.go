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
conflicts and problems. Nothing is changed. A daemon (assetsync watch) that is
running answers from memory, and says what it waits for.`,
		Example: `  assetsync status
  assetsync status --exit-code    exits with 8 when something differs`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			config, err := a.loadConfig()
			if err != nil {
				return err
			}
			results, env, ok, err := a.asked(ctx, config, args, func(r *running) ([]assetsync.Result, []string, error) {
				return r.client.Status(ctx, r.ask)
			})
			if err != nil {
				return err
			}
			if ok {
				return a.show(env, results, exit)
			}
			s, err := a.openWith(ctx, config, sessionOptions{args: args})
			if err != nil {
				return err
			}
			results = s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result { return e.Status(ctx) })
			return s.finish(results, exit)
		},
	}
	cmd.Flags().BoolVar(&exit, "exit-code", false, "exit with 8 when something differs")
	return cmd
}
