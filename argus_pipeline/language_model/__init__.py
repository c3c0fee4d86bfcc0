"""The language model: any OpenAI-compatible endpoint, behind limits that hold on all machines."""
