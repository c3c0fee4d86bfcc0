"""Does retrieval find the right article? Recall and time over the starter set.

    python benchmarks/retrieval.py [PATH…]

Questions are paraphrases, in English, German and Chinese over English articles, and carry no code.
One is answered by an article of the code that it stands for. Questions about other things have to
find nothing. Asked by code, the step of the answer is checked, for every article of the set.
Uses a database of its own, which is gone afterwards.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring.ending import clean_up_on_kill

from argus_pipeline.database.engine import create_engine
from argus_pipeline.database.migrate import migrate
from argus_pipeline.knowledge.embedding import LocalEmbedder
from argus_pipeline.knowledge.files import read_articles, starter_articles
from argus_pipeline.knowledge.retrieval import ArticleMatch, Question, Step, retrieve
from argus_pipeline.knowledge.store import import_articles
from argus_pipeline.stack.postgres import PostgresServer

LABELLED = (
    ("the wheel sensor at the front left gives no signal", "C0035"),
    ("Raddrehzahlsensor vorne links liefert kein Signal mehr", "C0035"),
    ("左前轮速传感器信号丢失", "C0035"),
    ("nothing is heard from the engine computer on the bus", "U0100"),
    ("Motorsteuergerät antwortet nicht auf dem CAN-Bus", "U0100"),
    ("与发动机控制模块失去通信", "U0100"),
    ("the high voltage battery has lost much of its capacity", "P0A80"),
    ("Die Hochvoltbatterie ist gealtert und muss ersetzt werden", "P0A80"),
    ("动力电池组老化需要更换", "P0A80"),
    ("a control unit reports that its own self test failed", "B1342"),
    ("Steuergerät defekt, Selbsttest fehlgeschlagen", "B1342"),
    ("the radio and navigation system reboots while driving", "E214"),
    ("Das Infotainmentsystem startet ständig neu", "E214"),
    ("信息娱乐系统不断重启", "E214"),
    ("the engine runs rough because several cylinders misfire", "P0300"),
    ("Zündaussetzer in mehreren Zylindern", "P0300"),
    ("exhaust catalyst no longer cleans well enough", "P0420"),
    ("the 12 volt supply is too low", "P0562"),
    ("the engine computer's program memory has a wrong checksum", "P0601"),
    ("the module was never programmed after the update", "P0602"),
    ("the processor in the engine computer is faulty", "P0606"),
    ("no communication with the transmission computer", "U0101"),
    ("no communication with the ABS brake computer", "U0121"),
    ("no messages from the body computer", "U0140"),
    ("software of two modules does not fit together", "U0300"),
    ("the CAN bus is down completely", "U0001"),
    ("isolation of the high voltage system is too low", "P0AA6"),
    ("the steering angle sensor is not calibrated", "C0051"),
)
UNRELATED = (
    "my grandmother's recipe for apple cake",
    "stock prices fell sharply on Monday",
    "Wie wird das Wetter morgen in Hamburg?",
    "今天晚上吃什么",
    "the violin concerto was played beautifully",
    "translate this poem into French",
    "which team won the football match",
    "how do I file my tax return",
)
PLATFORM, FIRMWARE = "J7", "v2.3.1"


def main() -> int:
    clean_up_on_kill()
    read = read_articles([Path(path) for path in sys.argv[1:]] or [starter_articles()])
    embedder = LocalEmbedder()
    embedder.embed(["load the model"])
    with tempfile.TemporaryDirectory(prefix="argus-bench-", dir="/tmp") as folder:
        server = PostgresServer(Path(folder) / "postgres", durable=False)
        server.start()
        try:
            server.ensure_database("bench")
            migrate(server.url("bench"))
            engine = create_engine(server.url("bench"))
            started = time.perf_counter()
            import_articles(engine, read.articles, embedder)
            seconds = time.perf_counter() - started
            print(f"import     {len(read.articles)} articles in {seconds:.2f} s")
            times: list[float] = []

            def ask(codes: tuple[str, ...], query: str, **vehicle: str) -> tuple[ArticleMatch, ...]:
                on = {"platform": PLATFORM, "firmware": FIRMWARE, **vehicle}
                question = Question(codes, on["platform"], on["firmware"], query, top_k=3)
                begun = time.perf_counter()
                found = retrieve(engine, embedder, question, distance_limit=2.0)
                times.append(time.perf_counter() - begun)
                return found.matches

            here = {a.code for a in read.articles if a.platform in (None, PLATFORM)}
            labelled = [(query, code) for query, code in LABELLED if code in here]
            first = third = 0
            right: list[float] = []
            for query, code in labelled:
                matches = ask((), query)
                codes = [match.article.code for match in matches]
                first += codes[0] == code
                third += code in codes
                if code in codes:
                    right.append(matches[codes.index(code)].distance or 0.0)
                else:
                    print(f"missed     {code}: {query} -> {', '.join(codes)}")
            wrong = [ask((), query)[0].distance or 0.0 for query in UNRELATED]
            exact = 0
            for article in read.articles:
                vehicle = {
                    "platform": article.platform or "no-such-platform",
                    "firmware": article.firmware_max or article.firmware_min or "v1",
                }
                steps = {
                    match.article.article_id: match.step
                    for match in ask((article.code,), article.title, **vehicle)
                }
                wanted = Step.CODE_PLATFORM_FIRMWARE if article.platform else Step.CODE
                exact += steps.get(article.article_id) == wanted
            engine.dispose()
        finally:
            server.stop()
    limit = embedder.distance_limit
    print(f"by code    {exact}/{len(read.articles)} articles found, by the right step")
    skipped = len(LABELLED) - len(labelled)
    print(
        f"free text  {len(labelled)} questions ({skipped} skipped, no article of their code):"
        f" recall@1 {first / len(labelled):.2f}, recall@3 {third / len(labelled):.2f}"
    )
    print(
        f"limit      {limit}: keeps {np.mean(np.array(right) <= limit):.2f} of the right articles"
        f" (farthest {max(right):.2f}), {np.mean(np.array(wrong) <= limit):.2f} of what is"
        f" unrelated (nearest {min(wrong):.2f})"
    )
    median, p95 = np.quantile(times, (0.5, 0.95)) * 1e3
    print(
        f"time       median {median:.1f} ms, p95 {p95:.1f} ms a question, embedding included"
        f" ({len(times)} questions)"
    )
    return 0 if exact == len(read.articles) else 1


if __name__ == "__main__":
    raise SystemExit(main())
