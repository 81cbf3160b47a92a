package winrm

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSerialPerVM(t *testing.T) {
	p := &peer{}
	h := start(t, p)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			_, err := h.Run(t.Context(), act([]string{"a", "b"}[i%2]))
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	runs, overlap := p.seen()
	require.False(t, overlap)
	require.Equal(t, 20, runs)
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("~LB1 OK a 4 e30=\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var l lines
		frames, _ := l.add(b)
		for _, one := range frames {
			require.True(t, goodID(one.id))
		}
		_, _ = parseReply(b)
		_, _ = sealedPart(b)
	})
}
