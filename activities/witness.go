package activities

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// witnessLimit is how long a witness may take: one that lives answers at once,
// and a person waits for all of them.
const witnessLimit = 3 * time.Second

// AskWitnesses connects to all witnesses at once and says which accept.
func AskWitnesses(ctx context.Context, dial func(context.Context, string) (net.Conn, error), all []plans.WitnessView) []plans.WitnessView {
	out := make([]plans.WitnessView, len(all))
	var running sync.WaitGroup
	for i := range all {
		running.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, witnessLimit)
			defer cancel()
			out[i] = all[i]
			conn, err := dial(ctx, all[i].Address)
			if err != nil {
				out[i].Detail = err.Error()
				return
			}
			out[i].Answers = true
			_ = conn.Close()
		})
	}
	running.Wait()
	return out
}
