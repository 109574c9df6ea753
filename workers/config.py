"""Celery's settings: a message is only a hint, so nothing is kept, retried or believed."""

from typing import Any

from app.queue import QUEUE
from app.settings import Settings


def celery_config(settings: Settings) -> dict[str, Any]:
    """The worker's configuration. `REDIS_URL` must be set."""
    url = settings.redis_url.get_secret_value() if settings.redis_url else None
    return {
        "broker_url": url,
        "result_backend": None,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_default_queue": QUEUE,
        "task_acks_late": True,
        "worker_prefetch_multiplier": 1,
        "worker_concurrency": settings.worker_concurrency,
        "worker_pool": "threads",
        "worker_redirect_stdouts": False,
        "worker_hijack_root_logger": False,
        "worker_send_task_events": False,
        "worker_enable_remote_control": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # for ever: the sweeper works meanwhile
        "broker_heartbeat": 0,
        "broker_transport_options": {
            "visibility_timeout": 60,  # a drain lasts 20 s at most; a hint delivered twice does no harm
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
        "enable_utc": True,
    }
