package channels

import (
	"fmt"
	"io"
	"strings"

	"github.com/atc0005/go-teams-notify/v2/adaptivecard"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// cardParts bounds a card: Teams refuses a message of more than 28 KB.
const (
	cardParts = 12
	cardText  = 600
)

// teams is an Adaptive Card: a workflow's webhook takes nothing else.
//
// https://learn.microsoft.com/power-automate/teams/overview
func teams(l letter, _ string) (post, error) {
	card := adaptivecard.NewCard()
	title := adaptivecard.NewTitleTextBlock(clip(l.subject, cardText), true)
	title.Color = cardColor(l.AlertMessage)
	parts := []adaptivecard.Element{title}
	if len(l.To) > 0 {
		parts = append(parts, adaptivecard.NewTextBlock("For "+strings.Join(l.To, ", "), true))
	}
	for i, line := range l.told {
		if i == cardParts {
			parts = append(parts, adaptivecard.NewTextBlock(fmt.Sprintf("and %d more: lifeboat alerts list", len(l.told)-i), true))
			break
		}
		part, err := cardPart(line)
		if err != nil {
			return post{}, err
		}
		parts = append(parts, part...)
	}
	if l.Kind == plans.AlertNotice {
		parts = append(parts, adaptivecard.NewTextBlock(clip(l.Title, 4000), true))
	}
	if err := card.AddElement(false, parts...); err != nil {
		return post{}, err
	}
	card.FallbackText = clip(l.subject, cardText)
	card.SetFullWidth()
	message, err := adaptivecard.NewMessageFromCard(card)
	if err != nil {
		return post{}, err
	}
	if err := message.Prepare(); err != nil {
		return post{}, err
	}
	body, err := io.ReadAll(message.Payload())
	return post{body: body}, err
}

func cardColor(m plans.AlertMessage) string {
	switch {
	case m.Kind == plans.AlertWell:
		return adaptivecard.ColorGood
	case m.Urgent:
		return adaptivecard.ColorAttention
	case m.Kind == plans.AlertNotice || m.Kind == plans.AlertTest:
		return adaptivecard.ColorDefault
	}
	return adaptivecard.ColorWarning
}

// cardPart is one thing that is wrong: what, and the facts about it.
func cardPart(t plans.ToldLine) ([]adaptivecard.Element, error) {
	what := adaptivecard.NewTextBlock(clip(t.What, cardText), true)
	what.Weight = adaptivecard.WeightBolder
	facts := adaptivecard.NewFactSet()
	for _, f := range t.Facts {
		if err := facts.AddFact(adaptivecard.Fact{Title: f[0], Value: clip(f[1], cardText)}); err != nil {
			return nil, err
		}
	}
	return []adaptivecard.Element{what, adaptivecard.Element(facts)}, nil
}
