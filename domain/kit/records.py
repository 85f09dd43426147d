"""Record types that every area uses: jobs, messages, notes, attachments, consent and webhooks."""
